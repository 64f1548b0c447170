package rctest

import (
	"errors"
	"fmt"
	"time"
)

// Why [Server.Connect] refuses a token.
var (
	ErrUnknownToken = errors.New("the server hasn't issued this token")
	ErrExpiredToken = errors.New("the token is expired")
	ErrBanned       = errors.New("the user is banned")
	ErrDeactivated  = errors.New("the user is deactivated")
)

// ConnectError is the error of [Server.Connect].
type ConnectError struct {
	UserID      string    // empty with ErrUnknownToken
	Reason      error     // ErrUnknownToken, ErrExpiredToken, ErrBanned or ErrDeactivated
	BannedUntil time.Time // of ErrBanned: truncated to seconds, as in answers
}

// Error doesn't contain the token.
func (e *ConnectError) Error() string {
	switch {
	case e.UserID == "":
		return "rctest: Connect: " + e.Reason.Error()
	case e.BannedUntil.IsZero():
		return fmt.Sprintf("rctest: Connect: user %q: %v", e.UserID, e.Reason)
	}
	return fmt.Sprintf("rctest: Connect: user %q: %v until %s", e.UserID, e.Reason, e.BannedUntil.Format(time.DateTime))
}

// Unwrap returns the Reason.
func (e *ConnectError) Unwrap() error { return e.Reason }

// Connect does what a user's device does with a token: it connects, and the user is online until it is banned, deactivated
// or disconnected by [Server.SetOnline]. The server has one device for each user, so Connect changes nothing if the
// user is online already.
//
// Otherwise the error is a *[ConnectError] with the reason: [ErrUnknownToken]; [ErrDeactivated], which also
// voids the user's tokens for good; [ErrExpiredToken], if the token was expired or the user was deactivated since it was
// issued; or [ErrBanned], which ends by itself.
func (s *Server) Connect(token string) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
	t, issued := s.state.parseToken(token)
	if !issued {
		return &ConnectError{Reason: ErrUnknownToken}
	}
	a := t.account
	switch {
	case a.deactivated():
		return &ConnectError{UserID: a.id(), Reason: ErrDeactivated}
	case !t.valid():
		return &ConnectError{UserID: a.id(), Reason: ErrExpiredToken}
	case a.banned(now):
		return &ConnectError{a.id(), ErrBanned, timeOf(a.rare.bannedUntil).Truncate(time.Second)}
	case !a.online():
		s.state.update(a, func(a *account) { s.state.connect(a, now) })
	}
	return nil
}
