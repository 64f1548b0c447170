package systemtest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

var (
	controlCharacter = regexp.MustCompile(`\p{Cc}`)
	lowerHex         = regexp.MustCompile(`^[0-9a-f]{40}$`)
	digits           = regexp.MustCompile(`^[0-9]{1,18}$`)
)

// FuzzCalls calls every endpoint for any ids, through the client's encoder and the fake's own decoder. Valid ids are
// accepted and applied to the very user; others are refused before anything is sent.
func FuzzCalls(f *testing.F) {
	f.Add("u1", "u2")
	f.Add("a,b", "用户 + 100% & 🎉")
	f.Add("", "x")
	f.Add("a\nb", strings.Repeat("x", 64))
	f.Fuzz(func(t *testing.T, id, other string) {
		if other == id {
			t.Skip("two users are needed")
		}
		for _, row := range Rows() {
			fuzzCall(t, row, Pair{id, other})
		}
	})
}

func fuzzCall(t *testing.T, row Row, users Pair) {
	t.Helper()
	server := rctest.NewServer()
	client, err := rcuser.NewClient(server.Config())
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	err = row.prepare(t.Context(), server, client, users)
	if err == nil {
		sent = len(server.Requests())
		err = row.Call(t.Context(), client, users)
	}
	_, refused := errors.AsType[*rcuser.ArgumentError](err)
	switch {
	case refused && validID(users.ID) && validID(users.Other):
		t.Fatalf("%s: %q is refused: %v", row.Path, users, err)
	case refused && len(server.Requests()) > sent:
		t.Fatalf("%s: %q is refused after something was sent: %v", row.Path, users, err)
	case refused:
	case err != nil:
		t.Fatalf("%s: the client accepts %q, but the call fails: %v", row.Path, users, err)
	case !row.applied(server, users, true):
		t.Fatalf("%s: the call for %q succeeded, but it was not applied", row.Path, users)
	}
}

// validID reports whether every endpoint takes the id. Some take more: commas are refused only where they separate ids.
func validID(id string) bool {
	return id != "" && len(id) <= 64 && utf8.ValidString(id) && !controlCharacter.MatchString(id) && !strings.Contains(id, ",")
}

// FuzzSignature checks that the fake accepts the client's signature of any headers, and no other.
func FuzzSignature(f *testing.F) {
	f.Add("secret", "14314", "1408710653000", "")
	f.Add("?", "", "x", "0")
	f.Add("s", "1", "01408710653000", strings.Repeat("a", 40))
	f.Fuzz(func(t *testing.T, secret, nonce, timestamp, forged string) {
		signature := rcuser.Sign(secret, nonce, timestamp)
		if !lowerHex.MatchString(signature) {
			t.Fatalf("signature %q", signature)
		}
		if secret == "" {
			t.Skip("a server has a secret")
		}
		server := rctest.NewServer(rctest.WithCredentials(rcuser.Credentials{AppKey: "key", AppSecret: secret}))
		if forged != signature && postSigned(t, server, nonce, timestamp, forged) == http.StatusOK {
			t.Errorf("%q was accepted for %q %q %q", forged, secret, nonce, timestamp)
		}
		status := postSigned(t, server, nonce, timestamp, signature)
		wellFormed := nonce != "" && digits.MatchString(timestamp)
		if wellFormed && status != http.StatusOK {
			t.Errorf("the signature of %q %q %q was refused with HTTP %d", secret, nonce, timestamp, status)
		}
	})
}

func postSigned(t *testing.T, server *rctest.Server, nonce, timestamp, signature string) int {
	t.Helper()
	form := url.Values{"userId": {"u1"}}.Encode()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/user/checkOnline.json", strings.NewReader(form))
	request.Header = http.Header{
		"App-Key": {server.Credentials().AppKey}, "Nonce": {nonce}, "Timestamp": {timestamp}, "Signature": {signature},
		"Content-Type": {"application/x-www-form-urlencoded"}, "Date": {time.Now().Format(time.RFC1123)},
	}
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	return recorder.Code
}
