package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What RC documents about its webhooks, and a second between two attempts.
const (
	senderAttempts = 3
	senderTimeout  = 5 * time.Second
	senderPause    = time.Second
	senderSecret   = "secret-of-the-sender"
)

// change is one event of presence: a session of a user begins or ends.
type change struct {
	user, session, os string
	status            string // as RC sends it: 0 = online, 1 = offline, 2 = logged out
	at                int64  // milliseconds
}

func (c change) body() string {
	return fmt.Sprintf(`[{"userid":%q,"status":%q,"os":%q,"time":%d,"clientIp":"203.0.113.7:52229","sessionId":%q}]`,
		c.user, c.status, c.os, c.at, c.session)
}

// row is what the database must have after the change, as text.
func (c change) row() string {
	return fmt.Sprintf("%s|session %s|%s|%t|%d", c.user, c.session, c.os, c.status == "0", c.at)
}

// changesOf returns n changes of the users, each with a session of its own.
func changesOf(users []string, n int) []change {
	systems := []string{"iOS", "Android", "PC"}
	changes := make([]change, n)
	for i := range changes {
		changes[i] = change{
			user: users[i%len(users)], session: fmt.Sprintf("s%d", i), os: systems[i%len(systems)],
			status: strconv.Itoa(i / 3 % 3), at: time.Now().UnixMilli() + int64(i),
		}
	}
	return changes
}

// sender posts events as RC does: up to 3 attempts with the same signature. It shares no code with the receiver.
type sender struct {
	url string

	mu       sync.Mutex
	attempts map[int]int // the events on their way, with the number of the current attempt
	posted   int         // attempts of all events
	moved    *sync.Cond  // attempts or posted changed
	client   *http.Client
}

func newSender(target string) *sender {
	s := &sender{url: target, attempts: map[int]int{}, client: &http.Client{Timeout: senderTimeout, Transport: &http.Transport{}}}
	s.moved = sync.NewCond(&s.mu)
	return s
}

// sign returns the URL with a signature of its own.
func (s *sender) sign() string {
	nonce, timestamp := rand.Text()[:16], strconv.FormatInt(time.Now().UnixMilli(), 10)
	sum := sha1.Sum([]byte(senderSecret + nonce + timestamp))
	return s.url + "?" + url.Values{"nonce": {nonce}, "timestamp": {timestamp}, "signature": {hex.EncodeToString(sum[:])}}.Encode()
}

// deliver returns an error if all attempts failed. Each later attempt waits until ready returns: a machine that needs longer
// than RC's pause to start the program would otherwise lose events that the program could have kept.
func (s *sender) deliver(ctx context.Context, id int, c change, ready func()) error {
	target := s.sign()
	var failures []error
	for attempt := range senderAttempts {
		s.note(id, attempt+1)
		if attempt > 0 {
			time.Sleep(senderPause)
			ready()
		}
		status, err := s.post(ctx, target, c.body())
		if err == nil && status == http.StatusOK {
			s.note(id, 0)
			return nil
		}
		failures = append(failures, fmt.Errorf("attempt %d: status %d, %w", attempt+1, status, err))
	}
	s.note(id, 0)
	return errors.Join(failures...)
}

// note records that an attempt begins, or with 0 that the delivery has ended.
func (s *sender) note(id, attempt int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if attempt == 0 {
		delete(s.attempts, id)
	} else {
		s.attempts[id] = attempt
		s.posted++
	}
	s.moved.Broadcast()
}

// waitFor returns when at least n attempts were posted and no event is at its last one.
func (s *sender) waitFor(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.posted < n || s.hasLastAttempt() {
		s.moved.Wait()
	}
}

func (s *sender) hasLastAttempt() bool {
	for _, attempt := range s.attempts {
		if attempt == senderAttempts {
			return true
		}
	}
	return false
}

func (s *sender) post(ctx context.Context, target, body string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
