package rctest

import (
	"encoding/json"
	"fmt"
	"time"
)

// The status in a presence event. In the answer of checkOnline "1" is online and "0" offline.
const (
	eventOnline  = "0"
	eventOffline = "1"
	eventLogout  = "2"
)

// The one device that every user has.
const (
	deviceOS      = "iOS"
	deviceAddress = "203.0.113.7:52229"
)

// connect starts a session of a user that is offline. The caller is in update.
func (s *state) connect(a *account, now time.Time) {
	s.sessions++
	a.rareState().session = s.sessions
	s.presenceEvent(a, eventOnline, now)
}

// disconnect ends the user's session, if any, with eventOffline or eventLogout. The caller is in update.
func (s *state) disconnect(a *account, status string, now time.Time) {
	if a.online() {
		s.presenceEvent(a, status, now)
		a.rare.session = 0
	}
}

func (a *account) online() bool { return a.readRare().session != 0 }

// presenceEvent reports that the user's current session begins or ends.
func (s *state) presenceEvent(a *account, status string, at time.Time) {
	if s.outbox == nil {
		return
	}
	id, err := json.Marshal(a.id())
	if err != nil {
		panic("rctest: encoding a user id: " + err.Error()) // never happens: JSON can encode any string
	}
	s.sendEvent(a.id(), "application/json", fmt.Sprintf(
		`[{"userid":%s,"status":"%s","os":"%s","time":%d,"clientIp":"%s","sessionId":"rctest-%d"}]`,
		id, status, deviceOS, at.UnixMilli(), deviceAddress, a.rare.session), at)
}
