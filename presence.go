package rcuser

import "context"

// PresenceService reports whether users are online. Use it as [Client.Presence].
type PresenceService service

var checkOnline = endpoint{path: "/user/checkOnline.json", rate: 100}

type onlineAnswer struct {
	envelope
	Status looseBool `json:"status"`
}

func (a onlineAnswer) online() (bool, error) {
	if !a.Status.given {
		return false, unreadableField("status")
	}
	return a.Status.value, nil
}

// Online reports whether a user is connected on at least one device. An id that was never registered is reported as
// offline; that isn't documented, it was observed in 2015. An answer without a status that can be read is a broken
// answer. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/check-online-status-by-user.
//
//rc:endpoint POST /user/checkOnline.json
func (s *PresenceService) Online(ctx context.Context, userID string) (bool, error) {
	if err := checkID("userID", userID); err != nil {
		return false, err
	}
	return call(ctx, (*service)(s), checkOnline, userForm{formString(userID)}, onlineAnswer.online)
}
