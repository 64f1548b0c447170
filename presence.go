package rcuser

import (
	"context"
	"fmt"
)

// PresenceService tells who is online. Use it as [Client.Presence].
type PresenceService service

var checkOnline = endpoint{path: "/user/checkOnline.json"}

type onlineAnswer struct {
	Status *number `json:"status"`
}

func (a onlineAnswer) online() (bool, error) {
	switch {
	case a.Status == nil:
		return false, missingField("status")
	case *a.Status != 0 && *a.Status != 1:
		return false, fmt.Errorf("status is %d, neither 0 nor 1", *a.Status)
	}
	return *a.Status == 1, nil
}

// Online reports whether a user is connected with any device. What RC answers for an id that was never registered is
// not documented; offline is assumed. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/check-online-status-by-user.
//
//rc:endpoint POST /user/checkOnline.json
func (s *PresenceService) Online(ctx context.Context, userID string) (bool, error) {
	if err := checkID("userID", userID); err != nil {
		return false, err
	}
	return call(ctx, (*service)(s), checkOnline, userForm{userID}, onlineAnswer.online)
}
