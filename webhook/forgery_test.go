package webhook_test

import (
	"context"
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// forgery is what somebody makes of a sound request, signed at start, without knowing the secret; or, so that one check
// doesn't hide that another is missing, with knowing it.
type forgery struct {
	name  string
	forge func(*http.Request)
	want  webhook.Reason
	get   answer
}

// change is a forgery of the query alone.
func change(edit func(url.Values)) func(*http.Request) {
	return func(r *http.Request) {
		query := r.URL.Query()
		edit(query)
		r.URL.RawQuery = query.Encode()
	}
}

func set(name, value string) func(*http.Request) {
	return change(func(query url.Values) { query.Set(name, value) })
}

func add(name, value string) func(*http.Request) {
	return change(func(query url.Values) { query.Add(name, value) })
}

// twice gives a parameter a second time, under a name of the same or of another generation.
func twice(name, as string) func(*http.Request) {
	return change(func(query url.Values) { query.Add(as, query.Get(name)) })
}

func remove(name string) func(*http.Request) {
	return change(func(query url.Values) { query.Del(name) })
}

func rename(from, to string) func(*http.Request) {
	return change(func(query url.Values) { query.Set(to, query.Get(from)); query.Del(from) })
}

func text(edit func(string) string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = edit(r.URL.RawQuery) }
}

func method(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }

func editSignature(edit func(string) string) func(*http.Request) {
	return change(func(query url.Values) { query.Set("signature", edit(query.Get("signature"))) })
}

// signed has a signature that is right.
func signed(nonce, timestamp string) func(*http.Request) {
	return signedBy(goodSecret, nonce, timestamp)
}

func signedBy(secret, nonce, timestamp string) func(*http.Request) {
	return change(func(query url.Values) {
		query.Set("nonce", nonce)
		query.Set("timestamp", timestamp)
		query.Set("signature", digest(secret, nonce, timestamp))
	})
}

// shifted moves the boundary between nonce and timestamp of what was signed before, which the digest can't tell.
func shifted(nonce, timestamp, toNonce, toTimestamp string) func(*http.Request) {
	if nonce+timestamp != toNonce+toTimestamp {
		panic("not a shift: " + toNonce + toTimestamp)
	}
	return change(func(query url.Values) {
		query.Set("nonce", toNonce)
		query.Set("timestamp", toTimestamp)
		query.Set("signature", digest(goodSecret, nonce, timestamp))
	})
}

var forgedParameters = []forgery{
	{"no query", text(func(string) string { return "" }), webhook.ErrParameters, answers.parameters},
	{"no nonce", remove("nonce"), webhook.ErrParameters, answers.parameters},
	{"no timestamp", remove("timestamp"), webhook.ErrParameters, answers.parameters},
	{"no signature", remove("signature"), webhook.ErrParameters, answers.parameters},
	{"two nonces", add("nonce", goodNonce), webhook.ErrParameters, answers.parameters},
	{"two timestamps", twice("timestamp", "timestamp"), webhook.ErrParameters, answers.parameters},
	{"two signatures", twice("signature", "signature"), webhook.ErrParameters, answers.parameters},
	{"an empty second signature", add("signature", ""), webhook.ErrParameters, answers.parameters},
	{"two keys", add("appKey", goodKey), webhook.ErrParameters, answers.parameters},
	{"another key besides", add("appKey", "other"), webhook.ErrParameters, answers.parameters},
	{"nonce in two generations", twice("nonce", "rc-nonce"), webhook.ErrParameters, answers.parameters},
	{"timestamp in two generations", twice("timestamp", "signTimestamp"), webhook.ErrParameters, answers.parameters},
	{"timestamp in the newest and oldest", twice("timestamp", "rc-timestamp"), webhook.ErrParameters, answers.parameters},
	{"signature in two generations", twice("signature", "rc-signature"), webhook.ErrParameters, answers.parameters},
	{"nonce of the oldest generation", rename("nonce", "rc-nonce"), webhook.ErrParameters, answers.parameters},
	{"timestamp of the oldest generation", rename("timestamp", "rc-timestamp"), webhook.ErrParameters, answers.parameters},
	{"signature of the oldest generation", rename("signature", "rc-signature"), webhook.ErrParameters, answers.parameters},
	{"a name in other letters", rename("signature", "Signature"), webhook.ErrParameters, answers.parameters},
	{"a name that doesn't exist", rename("timestamp", "rc-signTimestamp"), webhook.ErrParameters, answers.parameters},
	{"an array", rename("nonce", "nonce[]"), webhook.ErrParameters, answers.parameters},
	{"a broken escape", text(func(q string) string { return q + "&x=%zz" }), webhook.ErrParameters, answers.parameters},
	{"half an escape", text(func(q string) string { return q + "&x=%4" }), webhook.ErrParameters, answers.parameters},
	{"a semicolon", text(func(q string) string { return q + ";x=1" }), webhook.ErrParameters, answers.parameters},
	{"semicolons", text(func(q string) string { return strings.ReplaceAll(q, "&", ";") }), webhook.ErrParameters, answers.parameters},
	{"GET", method("GET"), webhook.ErrMethod, answers.method},
	{"PUT", method("PUT"), webhook.ErrMethod, answers.method},
	{"no method", method(""), webhook.ErrMethod, answers.method},
	{"post", method("post"), webhook.ErrMethod, answers.method},
	{"another key", set("appKey", "other"), webhook.ErrAppKey, answers.appKey},
	{"a key in other letters", set("appKey", "APP-KEY-7"), webhook.ErrAppKey, answers.appKey},
	{"an empty key", set("appKey", ""), webhook.ErrAppKey, answers.appKey},
	{"a longer key", set("appKey", goodKey+"\x00"), webhook.ErrAppKey, answers.appKey},
	{"in the header", func(r *http.Request) {
		for name, values := range r.URL.Query() {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		r.URL.RawQuery = ""
	}, webhook.ErrParameters, answers.parameters},
}

var forgedSyntax = []forgery{
	{"an empty nonce", signed("", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a long nonce", signed(strings.Repeat("9", 65), "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a zero byte", signed("1\x00", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with SHA-1's padding", signed("1\x80", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a line break", signed("1\n", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with DEL", signed("1\x7f", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a space", signed("1 4", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a plus", signed("1+4", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with other digits", signed("１４", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"an empty timestamp", signed(goodNonce, ""), webhook.ErrSyntax, answers.syntax},
	{"no number", signed(goodNonce, "yesterday"), webhook.ErrSyntax, answers.syntax},
	{"9 digits", signed(goodNonce, "178179000"), webhook.ErrSyntax, answers.syntax},
	{"11 digits", signed(goodNonce, "17817900000"), webhook.ErrSyntax, answers.syntax},
	{"12 digits", signed(goodNonce, "178179000000"), webhook.ErrSyntax, answers.syntax},
	{"14 digits", signed(goodNonce, "17817900000000"), webhook.ErrSyntax, answers.syntax},
	{"microseconds", signed(goodNonce, "1781790000000000"), webhook.ErrSyntax, answers.syntax},
	{"a zero before seconds", signed(goodNonce, "01781790000"), webhook.ErrSyntax, answers.syntax},
	{"a zero and ten digits in all", signed(goodNonce, "0781790000"), webhook.ErrSyntax, answers.syntax},
	{"a zero before milliseconds", signed(goodNonce, "01781790000000"), webhook.ErrSyntax, answers.syntax},
	{"zeros and thirteen digits in all", signed(goodNonce, "0001781790000"), webhook.ErrSyntax, answers.syntax},
	{"a plus", signed(goodNonce, "+1781790000"), webhook.ErrSyntax, answers.syntax},
	{"a plus and thirteen characters", signed(goodNonce, "+178179000000"), webhook.ErrSyntax, answers.syntax},
	{"a minus and thirteen characters", signed(goodNonce, "-178179000000"), webhook.ErrSyntax, answers.syntax},
	{"a space before", signed(goodNonce, " 1781790000"), webhook.ErrSyntax, answers.syntax},
	{"a space and thirteen characters", signed(goodNonce, "1781790000   "), webhook.ErrSyntax, answers.syntax},
	{"a line break behind", signed(goodNonce, "1781790000000\n"), webhook.ErrSyntax, answers.syntax},
	{"hexadecimal", signed(goodNonce, "0x19ed9a3d580"), webhook.ErrSyntax, answers.syntax},
	{"a fraction", signed(goodNonce, "1781790000.00"), webhook.ErrSyntax, answers.syntax},
	{"an exponent", signed(goodNonce, "178179000e4"), webhook.ErrSyntax, answers.syntax},
	{"underscores", signed(goodNonce, "1_781_790_000"), webhook.ErrSyntax, answers.syntax},
	{"thirteen bytes, one digit isn't ASCII", signed(goodNonce, "1781790000０"), webhook.ErrSyntax, answers.syntax},
	{"thirteen digits of another script", signed(goodNonce, "١٧٨١٧٩٠٠٠٠٠٠٠"), webhook.ErrSyntax, answers.syntax},
	{"an empty signature", set("signature", ""), webhook.ErrSyntax, answers.syntax},
	{"an uppercase signature", editSignature(strings.ToUpper), webhook.ErrSyntax, answers.syntax},
	{"39 digits", editSignature(func(s string) string { return s[:39] }), webhook.ErrSyntax, answers.syntax},
	{"41 digits", editSignature(func(s string) string { return s + "0" }), webhook.ErrSyntax, answers.syntax},
	{"a signature and a space", editSignature(func(s string) string { return s + " " }), webhook.ErrSyntax, answers.syntax},
	{"40 characters, one no digit", editSignature(func(s string) string { return s[:39] + "g" }), webhook.ErrSyntax, answers.syntax},
	{"a signature in base64", set("signature", "ML4LvKnJsuJ1eHAen9ojWKgUyI8="), webhook.ErrSyntax, answers.syntax},
}

var forgedSignatures = []forgery{
	{"the first digit", editSignature(otherDigit(0)), webhook.ErrSignature, answers.signature},
	{"the last digit", editSignature(otherDigit(39)), webhook.ErrSignature, answers.signature},
	{"zeros", set("signature", strings.Repeat("0", 40)), webhook.ErrSignature, answers.signature},
	{"another nonce", set("nonce", "14315"), webhook.ErrSignature, answers.signature},
	{"another time", set("timestamp", "1781790000001"), webhook.ErrSignature, answers.signature},
	{"another secret", signedBy("Y1W2MeFwwwRxa1", goodNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"an empty secret", signedBy("", goodNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"the key for the secret", signedBy(goodKey, goodNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"the secret and the key", signedBy(goodSecret+goodKey, goodNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"too old by a millisecond", signed(goodNonce, "1781789399999"), webhook.ErrStale, answers.stale},
	{"too old by a second", signed(goodNonce, "1781789399"), webhook.ErrStale, answers.stale},
	{"old", signed(goodNonce, "1000000000000"), webhook.ErrStale, answers.stale},
	{"ahead by a millisecond", signed(goodNonce, "1781790300001"), webhook.ErrFuture, answers.future},
	{"ahead by a second", signed(goodNonce, "1781790301"), webhook.ErrFuture, answers.future},
	{"far ahead", signed(goodNonce, "9999999999999"), webhook.ErrFuture, answers.future},
}

var shifts = []forgery{
	{"a digit to the nonce", shifted("14314", "1781790000000", "143141", "781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a digit to the timestamp", shifted("14314", "1781790000000", "1431", "41781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a zero to the timestamp", shifted("143140", "1781790000000", "14314", "01781790000000"), webhook.ErrSyntax, answers.syntax},
	{"all to the nonce", shifted("14314", "1781790000000", "143141781790000000", ""), webhook.ErrSyntax, answers.syntax},
	{"all to the timestamp", shifted("14314", "1781790000000", "", "143141781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a digit of seconds", shifted("14314", "1781790000", "143141", "781790000"), webhook.ErrSyntax, answers.syntax},
	{"a digit to seconds", shifted("14314", "1781790000", "1431", "41781790000"), webhook.ErrSyntax, answers.syntax},
	{"a zero to seconds", shifted("143000", "1781790000", "143", "0001781790000"), webhook.ErrSyntax, answers.syntax},
	{"seconds to milliseconds ahead", shifted("14314", "1781790000", "14", "3141781790000"), webhook.ErrFuture, answers.future},
	{"seconds to milliseconds long ago", shifted("14178", "1781390000", "14", "1781781390000"), webhook.ErrStale, answers.stale},
}

func otherDigit(i int) func(string) string {
	return func(s string) string {
		digit := "0"
		if s[i] == '0' {
			digit = "1"
		}
		return s[:i] + digit + s[i+1:]
	}
}

// TestForgery sends each forgery twice: neither may reach a function. The sound request goes through afterwards, so that
// nobody who forges keeps out what RC sends.
func TestForgery(t *testing.T) {
	t.Parallel()
	for _, table := range [][]forgery{forgedParameters, forgedSyntax, forgedSignatures, shifts} {
		for _, tc := range table {
			t.Run(tc.name, func(t *testing.T) {
				inBubble(t, func(t *testing.T) { requireRefused(t, tc) })
			})
		}
	}
}

func requireRefused(t *testing.T, tc forgery) {
	t.Helper()
	receiver := newReceiver(t)
	forged := func() *http.Request {
		request := fresh(goodNonce)
		tc.forge(request)
		return request
	}
	verified, err := webhook.Verify(forged(), webhook.Window{}, good)
	failure := requireReason(t, tc.want, err)
	require.Zero(t, verified)
	require.Equal(t, tc.get.Text, tc.want.Error())
	require.Equal(t, tc.get, receiver.serve(forged()))
	require.Equal(t, tc.get, receiver.serve(forged()))
	require.Empty(t, receiver.received())
	require.Equal(t, 2, strings.Count(receiver.log.String(), "\n"), "a line for each refusal")
	requireSilent(t, forged(), err.Error(), failure.Name+failure.Detail, receiver.log.String(), tc.get.Text)
	require.Equal(t, answers.ok, receiver.serve(fresh(goodNonce)))
	require.Len(t, receiver.received(), 1)
}

// TestLengthExtension: from one signature, and the length of the secret, SHA-1 lets anybody compute the signature of
// what begins with the signed text and its padding. The time at the end is then the forger's to choose.
func TestLengthExtension(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 12, 14, 16, 32, 45, 46, 55, 64, 100} {
		inBubble(t, func(t *testing.T) {
			secret := strings.Repeat("k", length)
			credentials := rcuser.Credentials{AppKey: goodKey, AppSecret: secret}
			receiver := newReceiver(t, func(c *webhook.Config) { c.Credentials = knows(credentials) })
			captured := digest(secret, goodNonce, millis(time.Now()))
			known := goodNonce + millis(time.Now())
			time.Sleep(time.Hour)
			for _, timestamp := range []string{millis(time.Now()), seconds(time.Now())} {
				nonce := known + string(padding(length+len(known)))
				forged := extend(t, captured, length+len(nonce), timestamp)
				require.Equal(t, digest(secret, nonce, timestamp), forged, "the attack itself must work")
				query := url.Values{"appKey": {goodKey}, "nonce": {nonce}, "timestamp": {timestamp}, "signature": {forged}}
				request := post(query.Encode(), onePresence)
				_, err := webhook.Verify(request, webhook.Window{}, credentials)
				require.Equal(t, "nonce", requireReason(t, webhook.ErrSyntax, err).Name)
				require.Equal(t, answers.syntax, receiver.serve(request))
			}
			require.Empty(t, receiver.received())
		})
	}
}

// padding is what SHA-1 puts behind a text of so many bytes.
func padding(length int) []byte {
	zeros := (55 - length%64 + 64) % 64
	return binary.BigEndian.AppendUint64(append([]byte{0x80}, make([]byte, zeros)...), uint64(length)*8)
}

// extend goes on hashing where a digest of so many bytes, padding included, ended.
func extend(t *testing.T, digest string, length int, more string) string {
	t.Helper()
	require.Zero(t, length%64)
	state, err := hex.DecodeString(digest)
	require.NoError(t, err)
	state = append(append([]byte("sha\x01"), state...), make([]byte, 64)...)
	h := sha1.New()
	require.NoError(t, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(binary.BigEndian.AppendUint64(state, uint64(length))))
	_, _ = h.Write([]byte(more))
	return hex.EncodeToString(h.Sum(nil))
}

// TestForgeryOfTheUnit: three digits moved to the nonce turn milliseconds into seconds. A URL that was seen in June is
// then signed in September, when no guard remembers it.
func TestForgeryOfTheUnit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		require.Equal(t, answers.ok, receiver.serve(fresh("14314")))
		time.Sleep(time.Until(time.Unix(1_790_000_000, 0)))
		request := fresh(goodNonce)
		shifted("14314", "1781790000000", "14314178", "1790000000")(request)
		got := receiver.serve(request)
		require.Equal(t, 401, got.Status, "%v", got)
		signed("178", "1790000000")(request) // which could have been no nonce and milliseconds
		require.Equal(t, answers.syntax, receiver.serve(request))
		require.Len(t, receiver.received(), 1)
	})
}

// TestWithoutCredentials: an empty secret would let anybody sign, so it is the app's mistake and not let pass.
func TestWithoutCredentials(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]rcuser.Credentials{
		"none":               nil,
		"no secret":          {{AppKey: goodKey}},
		"no key":             {{AppSecret: goodSecret}},
		"no secret, not all": {good, {AppKey: "other"}},
		"no key, not all":    {good, {AppSecret: "other"}},
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, func(c *webhook.Config) { c.Credentials = knows(list...) })
			request := fresh(goodNonce)
			if name != "none" {
				signedBy(list[0].AppSecret, goodNonce, millis(start))(request)
			}
			_, err := webhook.Verify(request, webhook.Window{}, list...)
			requireReason(t, webhook.ErrCredentials, err)
			require.Equal(t, answers.credentials, receiver.serve(request), name)
			require.Empty(t, receiver.received())
			requireSilent(t, request, err.Error(), receiver.log.String())
		})
	}
}

// TestCredentialsAreAskedLast: what can't be RC's costs no look at a secret store. What that answers stays in the log.
func TestCredentialsAreAskedLast(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		asked := 0
		receiver := newReceiver(t, func(c *webhook.Config) {
			c.Credentials = func(context.Context) ([]rcuser.Credentials, error) {
				asked++
				return []rcuser.Credentials{good}, errors.New("the store is sealed")
			}
		})
		for _, table := range [][]forgery{forgedParameters[:28], forgedSyntax} {
			for _, tc := range table {
				request := fresh(goodNonce)
				tc.forge(request)
				receiver.serve(request)
				require.Zero(t, asked, tc.name)
			}
		}
		require.Equal(t, answers.credentials, receiver.serve(fresh(goodNonce)))
		require.Equal(t, 1, asked)
		require.Empty(t, receiver.received())
		require.Contains(t, receiver.log.String(), "the store is sealed")
	})
}
