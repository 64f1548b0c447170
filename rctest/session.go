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

// connect starts a session unless the user is online already.
func (s *state) connect(a *account, now time.Time) {
	if a.online {
		return
	}
	s.sessions++
	a.online, a.session = true, s.sessions
	s.presenceEvent(a, eventOnline, now)
}

// disconnect ends the user's session, if any, with eventOffline or eventLogout.
func (s *state) disconnect(a *account, status string, now time.Time) {
	if !a.online {
		return
	}
	a.online = false
	s.presenceEvent(a, status, now)
}

func (s *state) presenceEvent(a *account, status string, at time.Time) {
	if s.outbox == nil {
		return
	}
	id, err := json.Marshal(a.id)
	if err != nil {
		panic("rctest: encoding a user id: " + err.Error()) // never happens: JSON can encode any string
	}
	s.sendEvent(a.id, "application/json", fmt.Sprintf(
		`[{"userid":%s,"status":"%s","os":"%s","time":%d,"clientIp":"%s","sessionId":"rctest-%d"}]`,
		id, status, deviceOS, at.UnixMilli(), deviceAddress, a.session), at)
}
