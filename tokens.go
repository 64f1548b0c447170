package rcuser

import (
	"context"
	"time"
)

// TokensService invalidates tokens, which [UsersService.Register] issues. Use it as [Client.Tokens].
type TokensService service

var expireTokens = endpoint{path: "/user/token/expire.json", rate: 100}

type expireForm struct {
	UserIDs idList `url:"userId"`
	Before  int64  `url:"time"`
}

// Expire invalidates the tokens that were issued to 1 to 20 users before a point in time. Connected users stay
// connected, but can't reconnect with such a token. Tokens that are invalid already stay invalid.
//
// RC takes the time in milliseconds and before is rounded down, so that a token issued in the same millisecond stays
// valid. In a test with rctest, let its clock advance before the call: rc.Advance(time.Millisecond), then rc.Now().
// RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/expire.
//
//rc:endpoint POST /user/token/expire.json
func (s *TokensService) Expire(ctx context.Context, userIDs []string, before time.Time) error {
	if err := checkIDs("userIDs", userIDs, maxIDs); err != nil {
		return err
	}
	if err := checkBefore(before); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), expireTokens, expireForm{userIDs, before.UnixMilli()})
}

func checkBefore(before time.Time) error {
	switch {
	case before.IsZero():
		return &ArgumentError{"before", "is the zero time"}
	case before.UnixMilli() <= 0:
		return &ArgumentError{"before", "is not after 1970-01-01 UTC"}
	}
	return nil
}
