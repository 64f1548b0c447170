package webhook_test

import (
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// forgery turns a valid request, signed at startTime, into one that must be refused. Most forgeries have a wrong
// signature. Where that would hide whether another check works, the forgery has a valid one.
type forgery struct {
	name   string
	forge  func(*http.Request)
	want   webhook.Reason
	answer answer
}

// editParams returns a forgery that edits the parsed query.
func editParams(edit func(url.Values)) func(*http.Request) {
	return func(r *http.Request) {
		query := r.URL.Query()
		edit(query)
		r.URL.RawQuery = query.Encode()
	}
}

func setParam(name, value string) func(*http.Request) {
	return editParams(func(query url.Values) { query.Set(name, value) })
}

func addParam(name, value string) func(*http.Request) {
	return editParams(func(query url.Values) { query.Add(name, value) })
}

// copyParam adds a parameter's value a second time, under the same name or that of another generation.
func copyParam(name, as string) func(*http.Request) {
	return editParams(func(query url.Values) { query.Add(as, query.Get(name)) })
}

func removeParam(name string) func(*http.Request) {
	return editParams(func(query url.Values) { query.Del(name) })
}

func renameParam(from, to string) func(*http.Request) {
	return editParams(func(query url.Values) { query.Set(to, query.Get(from)); query.Del(from) })
}

func editQuery(edit func(string) string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = edit(r.URL.RawQuery) }
}

func setMethod(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }

func editSignature(edit func(string) string) func(*http.Request) {
	return editParams(func(query url.Values) { query.Set("signature", edit(query.Get("signature"))) })
}

// sign replaces nonce, timestamp and signature, with a valid signature.
func sign(nonce, timestamp string) func(*http.Request) {
	return signWith(testAppSecret, nonce, timestamp)
}

func signWith(secret, nonce, timestamp string) func(*http.Request) {
	return editParams(func(query url.Values) {
		query.Set("nonce", nonce)
		query.Set("timestamp", timestamp)
		query.Set("signature", digest(secret, nonce, timestamp))
	})
}

// shiftBoundary signs one nonce and timestamp, and sends another pair whose concatenation is the same, so that the
// digest is too.
func shiftBoundary(nonce, timestamp, toNonce, toTimestamp string) func(*http.Request) {
	if nonce+timestamp != toNonce+toTimestamp {
		panic("not a shift: " + toNonce + toTimestamp)
	}
	return editParams(func(query url.Values) {
		query.Set("nonce", toNonce)
		query.Set("timestamp", toTimestamp)
		query.Set("signature", digest(testAppSecret, nonce, timestamp))
	})
}

var invalidParams = []forgery{
	{"no query", editQuery(func(string) string { return "" }), webhook.ErrParameters, answers.parameters},
	{"no nonce", removeParam("nonce"), webhook.ErrParameters, answers.parameters},
	{"no timestamp", removeParam("timestamp"), webhook.ErrParameters, answers.parameters},
	{"no signature", removeParam("signature"), webhook.ErrParameters, answers.parameters},
	{"two nonces", addParam("nonce", testNonce), webhook.ErrParameters, answers.parameters},
	{"two timestamps", copyParam("timestamp", "timestamp"), webhook.ErrParameters, answers.parameters},
	{"two signatures", copyParam("signature", "signature"), webhook.ErrParameters, answers.parameters},
	{"an empty second signature", addParam("signature", ""), webhook.ErrParameters, answers.parameters},
	{"two keys", addParam("appKey", testAppKey), webhook.ErrParameters, answers.parameters},
	{"another key besides", addParam("appKey", "other"), webhook.ErrParameters, answers.parameters},
	{"nonce in two generations", copyParam("nonce", "rc-nonce"), webhook.ErrParameters, answers.parameters},
	{"timestamp in two generations", copyParam("timestamp", "signTimestamp"), webhook.ErrParameters, answers.parameters},
	{"timestamp in the newest and oldest", copyParam("timestamp", "rc-timestamp"), webhook.ErrParameters, answers.parameters},
	{"signature in two generations", copyParam("signature", "rc-signature"), webhook.ErrParameters, answers.parameters},
	{"nonce of the oldest generation", renameParam("nonce", "rc-nonce"), webhook.ErrParameters, answers.parameters},
	{"timestamp of the oldest generation", renameParam("timestamp", "rc-timestamp"), webhook.ErrParameters, answers.parameters},
	{"signature of the oldest generation", renameParam("signature", "rc-signature"), webhook.ErrParameters, answers.parameters},
	{"a name in another case", renameParam("signature", "Signature"), webhook.ErrParameters, answers.parameters},
	{"a name that doesn't exist", renameParam("timestamp", "rc-signTimestamp"), webhook.ErrParameters, answers.parameters},
	{"an array", renameParam("nonce", "nonce[]"), webhook.ErrParameters, answers.parameters},
	{"a broken escape", editQuery(func(q string) string { return q + "&x=%zz" }), webhook.ErrParameters, answers.parameters},
	{"half an escape", editQuery(func(q string) string { return q + "&x=%4" }), webhook.ErrParameters, answers.parameters},
	{"a semicolon", editQuery(func(q string) string { return q + ";x=1" }), webhook.ErrParameters, answers.parameters},
	{"semicolons", editQuery(func(q string) string { return strings.ReplaceAll(q, "&", ";") }), webhook.ErrParameters, answers.parameters},
	{"GET", setMethod("GET"), webhook.ErrMethod, answers.method},
	{"PUT", setMethod("PUT"), webhook.ErrMethod, answers.method},
	{"no method", setMethod(""), webhook.ErrMethod, answers.method},
	{"post", setMethod("post"), webhook.ErrMethod, answers.method},
	{"another key", setParam("appKey", "other"), webhook.ErrAppKey, answers.appKey},
	{"a key in another case", setParam("appKey", "APP-KEY-7"), webhook.ErrAppKey, answers.appKey},
	{"an empty key", setParam("appKey", ""), webhook.ErrAppKey, answers.appKey},
	{"a longer key", setParam("appKey", testAppKey+"\x00"), webhook.ErrAppKey, answers.appKey},
	{"in the header", func(r *http.Request) {
		for name, values := range r.URL.Query() {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		r.URL.RawQuery = ""
	}, webhook.ErrParameters, answers.parameters},
}

var invalidSyntax = []forgery{
	{"an empty nonce", sign("", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a long nonce", sign(strings.Repeat("9", 65), "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a zero byte", sign("1\x00", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with SHA-1's padding", sign("1\x80", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a line break", sign("1\n", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with DEL", sign("1\x7f", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a space", sign("1 4", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with a plus", sign("1+4", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a nonce with other digits", sign("１４", "1781790000000"), webhook.ErrSyntax, answers.syntax},
	{"an empty timestamp", sign(testNonce, ""), webhook.ErrSyntax, answers.syntax},
	{"no number", sign(testNonce, "yesterday"), webhook.ErrSyntax, answers.syntax},
	{"9 digits", sign(testNonce, "178179000"), webhook.ErrSyntax, answers.syntax},
	{"11 digits", sign(testNonce, "17817900000"), webhook.ErrSyntax, answers.syntax},
	{"12 digits", sign(testNonce, "178179000000"), webhook.ErrSyntax, answers.syntax},
	{"14 digits", sign(testNonce, "17817900000000"), webhook.ErrSyntax, answers.syntax},
	{"microseconds", sign(testNonce, "1781790000000000"), webhook.ErrSyntax, answers.syntax},
	{"a zero before seconds", sign(testNonce, "01781790000"), webhook.ErrSyntax, answers.syntax},
	{"a zero and ten digits in all", sign(testNonce, "0781790000"), webhook.ErrSyntax, answers.syntax},
	{"a zero before milliseconds", sign(testNonce, "01781790000000"), webhook.ErrSyntax, answers.syntax},
	{"zeros and thirteen digits in all", sign(testNonce, "0001781790000"), webhook.ErrSyntax, answers.syntax},
	{"a plus", sign(testNonce, "+1781790000"), webhook.ErrSyntax, answers.syntax},
	{"a plus and thirteen characters", sign(testNonce, "+178179000000"), webhook.ErrSyntax, answers.syntax},
	{"a minus and thirteen characters", sign(testNonce, "-178179000000"), webhook.ErrSyntax, answers.syntax},
	{"a space before", sign(testNonce, " 1781790000"), webhook.ErrSyntax, answers.syntax},
	{"a space and thirteen characters", sign(testNonce, "1781790000   "), webhook.ErrSyntax, answers.syntax},
	{"a line break behind", sign(testNonce, "1781790000000\n"), webhook.ErrSyntax, answers.syntax},
	{"hexadecimal", sign(testNonce, "0x19ed9a3d580"), webhook.ErrSyntax, answers.syntax},
	{"a fraction", sign(testNonce, "1781790000.00"), webhook.ErrSyntax, answers.syntax},
	{"an exponent", sign(testNonce, "178179000e4"), webhook.ErrSyntax, answers.syntax},
	{"underscores", sign(testNonce, "1_781_790_000"), webhook.ErrSyntax, answers.syntax},
	{"thirteen bytes, one digit isn't ASCII", sign(testNonce, "1781790000０"), webhook.ErrSyntax, answers.syntax},
	{"thirteen digits of another script", sign(testNonce, "١٧٨١٧٩٠٠٠٠٠٠٠"), webhook.ErrSyntax, answers.syntax},
	{"an empty signature", setParam("signature", ""), webhook.ErrSyntax, answers.syntax},
	{"an uppercase signature", editSignature(strings.ToUpper), webhook.ErrSyntax, answers.syntax},
	{"39 digits", editSignature(func(s string) string { return s[:39] }), webhook.ErrSyntax, answers.syntax},
	{"41 digits", editSignature(func(s string) string { return s + "0" }), webhook.ErrSyntax, answers.syntax},
	{"a signature and a space", editSignature(func(s string) string { return s + " " }), webhook.ErrSyntax, answers.syntax},
	{"40 characters, one no digit", editSignature(func(s string) string { return s[:39] + "g" }), webhook.ErrSyntax, answers.syntax},
	{"a signature in base64", setParam("signature", "ML4LvKnJsuJ1eHAen9ojWKgUyI8="), webhook.ErrSyntax, answers.syntax},
}

var invalidSignatures = []forgery{
	{"the first digit", editSignature(changeDigit(0)), webhook.ErrSignature, answers.signature},
	{"the last digit", editSignature(changeDigit(39)), webhook.ErrSignature, answers.signature},
	{"zeros", setParam("signature", strings.Repeat("0", 40)), webhook.ErrSignature, answers.signature},
	{"another nonce", setParam("nonce", "14315"), webhook.ErrSignature, answers.signature},
	{"another time", setParam("timestamp", "1781790000001"), webhook.ErrSignature, answers.signature},
	{"another secret", signWith("Y1W2MeFwwwRxa1", testNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"an empty secret", signWith("", testNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"the key for the secret", signWith(testAppKey, testNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"the secret and the key", signWith(testAppSecret+testAppKey, testNonce, "1781790000000"), webhook.ErrSignature, answers.signature},
	{"too old by a millisecond", sign(testNonce, "1781789399999"), webhook.ErrStale, answers.stale},
	{"too old by a second", sign(testNonce, "1781789399"), webhook.ErrStale, answers.stale},
	{"old", sign(testNonce, "1000000000000"), webhook.ErrStale, answers.stale},
	{"ahead by a millisecond", sign(testNonce, "1781790300001"), webhook.ErrFuture, answers.future},
	{"ahead by a second", sign(testNonce, "1781790301"), webhook.ErrFuture, answers.future},
	{"far ahead", sign(testNonce, "9999999999999"), webhook.ErrFuture, answers.future},
}

var shiftedBoundaries = []forgery{
	{"a digit to the nonce", shiftBoundary("14314", "1781790000000", "143141", "781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a digit to the timestamp", shiftBoundary("14314", "1781790000000", "1431", "41781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a zero to the timestamp", shiftBoundary("143140", "1781790000000", "14314", "01781790000000"), webhook.ErrSyntax, answers.syntax},
	{"all to the nonce", shiftBoundary("14314", "1781790000000", "143141781790000000", ""), webhook.ErrSyntax, answers.syntax},
	{"all to the timestamp", shiftBoundary("14314", "1781790000000", "", "143141781790000000"), webhook.ErrSyntax, answers.syntax},
	{"a digit of seconds", shiftBoundary("14314", "1781790000", "143141", "781790000"), webhook.ErrSyntax, answers.syntax},
	{"a digit to seconds", shiftBoundary("14314", "1781790000", "1431", "41781790000"), webhook.ErrSyntax, answers.syntax},
	{"a zero to seconds", shiftBoundary("143000", "1781790000", "143", "0001781790000"), webhook.ErrSyntax, answers.syntax},
	{"seconds to milliseconds ahead", shiftBoundary("14314", "1781790000", "14", "3141781790000"), webhook.ErrFuture, answers.future},
	{"seconds to milliseconds long ago", shiftBoundary("14178", "1781390000", "14", "1781781390000"), webhook.ErrStale, answers.stale},
}

func changeDigit(i int) func(string) string {
	return func(s string) string {
		digit := "0"
		if s[i] == '0' {
			digit = "1"
		}
		return s[:i] + digit + s[i+1:]
	}
}

// TestForgery sends each forgery twice, and checks that no event is dispatched and that the valid request is still
// accepted afterwards.
func TestForgery(t *testing.T) {
	t.Parallel()
	for _, table := range [][]forgery{invalidParams, invalidSyntax, invalidSignatures, shiftedBoundaries} {
		for _, tc := range table {
			t.Run(tc.name, func(t *testing.T) {
				inBubble(t, func(t *testing.T) { requireForgeryRefused(t, tc) })
			})
		}
	}
}

func requireForgeryRefused(t *testing.T, tc forgery) {
	t.Helper()
	receiver := newReceiver(t)
	forged := func() *http.Request {
		request := validRequest(testNonce)
		tc.forge(request)
		return request
	}
	verified, err := webhook.Verify(forged(), webhook.Window{}, validCredentials)
	failure := requireReason(t, tc.want, err)
	require.Zero(t, verified)
	require.Equal(t, tc.answer.Text, tc.want.Error())
	require.Equal(t, tc.answer, receiver.serve(forged()))
	require.Equal(t, tc.answer, receiver.serve(forged()))
	require.Empty(t, receiver.dispatched())
	require.Equal(t, 2, strings.Count(receiver.log.String(), "\n"), "one log record for each refusal")
	requireNoSecrets(t, forged(), err.Error(), failure.Name+failure.Detail, receiver.log.String(), tc.answer.Text)
	require.Equal(t, answers.ok, receiver.serve(validRequest(testNonce)))
	require.Len(t, receiver.dispatched(), 1)
}

// TestLengthExtension carries out a length extension: from a signature and the length of the secret, SHA-1 lets anyone
// compute the signature of the signed text, its padding and any further text, here a new timestamp.
func TestLengthExtension(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 12, 14, 16, 32, 45, 46, 55, 64, 100} {
		inBubble(t, func(t *testing.T) {
			secret := strings.Repeat("k", length)
			credentials := rcuser.Credentials{AppKey: testAppKey, AppSecret: secret}
			receiver := newReceiver(t, func(c *webhook.Config) { c.Credentials = returnCredentials(credentials) })
			captured := digest(secret, testNonce, inMillis(time.Now()))
			known := testNonce + inMillis(time.Now())
			time.Sleep(time.Hour)
			for _, timestamp := range []string{inMillis(time.Now()), inSeconds(time.Now())} {
				nonce := known + string(padding(length+len(known)))
				forged := extend(t, captured, length+len(nonce), timestamp)
				require.Equal(t, digest(secret, nonce, timestamp), forged, "the attack itself must work")
				query := url.Values{"appKey": {testAppKey}, "nonce": {nonce}, "timestamp": {timestamp}, "signature": {forged}}
				request := newRequest(query.Encode(), presenceEvent)
				_, err := webhook.Verify(request, webhook.Window{}, credentials)
				require.Equal(t, "nonce", requireReason(t, webhook.ErrSyntax, err).Name)
				require.Equal(t, answers.syntax, receiver.serve(request))
			}
			require.Empty(t, receiver.dispatched())
		})
	}
}

// padding returns SHA-1's padding for a text of the given length.
func padding(length int) []byte {
	zeros := (55 - length%64 + 64) % 64
	return binary.BigEndian.AppendUint64(append([]byte{0x80}, make([]byte, zeros)...), uint64(length)*8)
}

// extend continues a digest over length bytes, including padding, with more text.
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

// TestForgedTimeUnit moves three digits from the timestamp to the nonce, which turns milliseconds into seconds. A URL
// from June would be valid in September, when no guard remembers it.
func TestForgedTimeUnit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		require.Equal(t, answers.ok, receiver.serve(validRequest("14314")))
		time.Sleep(time.Until(time.Unix(1_790_000_000, 0)))
		request := validRequest(testNonce)
		shiftBoundary("14314", "1781790000000", "14314178", "1790000000")(request)
		got := receiver.serve(request)
		require.Equal(t, 401, got.Status, "%v", got)
		sign("178", "1790000000")(request) // could be a shifted empty nonce and milliseconds
		require.Equal(t, answers.syntax, receiver.serve(request))
		require.Len(t, receiver.dispatched(), 1)
	})
}
