package rcuser

import (
	"context"
	"time"
)

// TokensService ends the validity of tokens, which [UsersService.Register] returns. Use it as [Client.Tokens].
type TokensService service

var expireTokens = endpoint{path: "/user/token/expire.json", rate: 100}

type expireForm struct {
	UserIDs idList `url:"userId"`
	Before  int64  `url:"time"`
}

// Expire invalidates the tokens that 1 to 20 users were issued before an instant. Users who are connected stay so; once
// disconnected they can't come back with such a token. Tokens that have expired already stay so.
//
// RC takes the instant in whole milliseconds, rounded down here: a token of the same millisecond stays valid. A test
// with rctest lets time pass first and uses its clock: rc.Advance(time.Millisecond), then rc.Now(). RC accepts 100
// calls a second.
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
