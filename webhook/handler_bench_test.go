package webhook_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

const benchmarkBody = `[{"userid":"1103863","status":"1","os":"iOS","time":1571130409553,"clientIp":"180.108.223.44:52229"}]`

// BenchmarkHandler compares a Handler with a minimal handler, which has neither replay protection nor timeouts. Both
// include the cost of creating a signed request.
func BenchmarkHandler(b *testing.B) {
	credentials := rcuser.Credentials{AppKey: "key", AppSecret: "Y1W2MeFwwwRxa0"}
	handled := 0
	h, err := webhook.NewHandler(webhook.Config{
		Credentials: webhook.StaticCredentials(credentials),
		OnPresence:  func(context.Context, webhook.PresenceEvent) error { handled++; return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, handler := range []struct {
		name string
		http.Handler
	}{
		{"bare", bareHandler(credentials.AppSecret, &handled)},
		{"rcuser", h},
	} {
		b.Run(handler.name, func(b *testing.B) {
			b.ReportAllocs()
			handled = 0
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/rc", strings.NewReader(benchmarkBody))
				webhook.Sign(r, credentials, time.Now())
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
			if handled != b.N {
				b.Fatalf("%d of %d handled", handled, b.N)
			}
		})
	}
}

func bareHandler(secret string, handled *int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		sum := sha1.Sum([]byte(secret + query.Get("nonce") + query.Get("timestamp")))
		if hex.EncodeToString(sum[:]) != query.Get("signature") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		var events []struct {
			UserID string `json:"userid"`
			Status string `json:"status"`
			Time   int64  `json:"time"`
		}
		if json.Unmarshal(body, &events) == nil {
			*handled++
		}
	})
}
