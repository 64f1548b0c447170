package main

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

const (
	maxAge     = 10 * time.Minute
	maxAhead   = 5 * time.Minute
	maxWebhook = 1 << 20
)

// bareHandler is the webhook receiver that an app's developer writes in an afternoon: it checks signature and time,
// decodes the events and calls the app. It has no replay guard, no time limit and no log, and its timestamps and nonces may be
// anything that was signed.
func bareHandler(do onPresence) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := checkWebhook(r, time.Now()); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxWebhook))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		var events []presenceJSON
		if err := json.Unmarshal(body, &events); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, e := range events {
			do(e.event())
		}
		w.WriteHeader(http.StatusOK)
	})
}

// checkWebhook returns the status with which to answer a request: 200 if its signature and its time are right.
func checkWebhook(r *http.Request, now time.Time) int {
	query := r.URL.Query()
	nonce, timestamp := query.Get("nonce"), query.Get("timestamp")
	sum := sha1.Sum([]byte(webhookCredentials.AppSecret + nonce + timestamp))
	expected := hex.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(expected), []byte(query.Get("signature"))) != 1 {
		return http.StatusUnauthorized
	}
	millis, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return http.StatusBadRequest
	}
	if age := now.Sub(time.UnixMilli(millis)); age > maxAge || -age > maxAhead {
		return http.StatusUnauthorized
	}
	return http.StatusOK
}

type presenceJSON struct {
	UserID    string         `json:"userid"`
	Status    webhook.Status `json:"status"`
	OS        string         `json:"os"`
	Time      int64          `json:"time"`
	ClientIP  string         `json:"clientIp"`
	SessionID string         `json:"sessionId"`
}

func (p presenceJSON) event() webhook.PresenceEvent {
	return webhook.PresenceEvent{
		UserID: p.UserID, Status: p.Status, OS: p.OS, Time: time.UnixMilli(p.Time).UTC(), ClientIP: p.ClientIP, SessionID: p.SessionID,
	}
}
