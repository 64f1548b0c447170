package rcuser_test

import (
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

// FuzzForm sends what users type through the client's encoder and the fake's own decoder.
func FuzzForm(f *testing.F) {
	f.Add("u1", "Ann & Bob = 100% + 李雷 🎉", "https://example.com/?a=b&c=%20")
	f.Add("a,b;c", " ", "")
	f.Fuzz(func(t *testing.T, id, name, portrait string) {
		server := rctest.NewServer()
		client, err := rcuser.NewClient(server.Config())
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Users.Register(t.Context(), rcuser.Registration{UserID: id, Name: name, PortraitURI: portrait})
		sound := utf8.ValidString(id + "|" + name + "|" + portrait)
		fits := id != "" && len(id) <= 64 && name != "" && utf8.RuneCountInString(name) <= 64 && len(portrait) <= 1024
		if err != nil && sound && fits && !regexp.MustCompile(`\p{Cc}`).MatchString(id) {
			t.Fatalf("refused: %v", err)
		}
		if err != nil {
			if len(server.Requests()) > 0 {
				t.Fatalf("the fake refused what the client let pass: %v", err)
			}
			return
		}
		if user := server.User(id); user.Name != name || user.PortraitURI != portrait || !user.Registered {
			t.Errorf("%q %q %q became %+v", id, name, portrait, user)
		}
	})
}

// FuzzSignature holds the client's signature and the fake's check of it against each other, with headers that may be
// nonsense.
func FuzzSignature(f *testing.F) {
	f.Add("secret", "14314", "1408710653000", "")
	f.Add("", "", "x", "0")
	f.Add("s", "1", "01408710653000", strings.Repeat("a", 40))
	f.Fuzz(func(t *testing.T, secret, nonce, timestamp, forged string) {
		signature := rcuser.Sign(secret, nonce, timestamp)
		if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(signature) {
			t.Fatalf("signature %q", signature)
		}
		server := rctest.NewServer()
		server.AppSecret = secret
		if forged != signature && post4(server, nonce, timestamp, forged) == http.StatusOK {
			t.Errorf("%q was let in for %q %q %q", forged, secret, nonce, timestamp)
		}
		status := post4(server, nonce, timestamp, signature)
		wellFormed := nonce != "" && regexp.MustCompile(`^[0-9]{1,18}$`).MatchString(timestamp)
		if wellFormed && status != http.StatusOK {
			t.Errorf("a true signature of %q %q %q got %d", secret, nonce, timestamp, status)
		}
	})
}

func post4(server *rctest.Server, nonce, timestamp, signature string) int {
	form := url.Values{"userId": {"u1"}}.Encode()
	request := httptest.NewRequest(http.MethodPost, "/user/checkOnline.json", strings.NewReader(form))
	request.Header = http.Header{
		"App-Key": {server.AppKey}, "Nonce": {nonce}, "Timestamp": {timestamp}, "Signature": {signature},
		"Content-Type": {"application/x-www-form-urlencoded"}, "Date": {time.Now().Format(time.RFC1123)},
	}
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	return recorder.Code
}
