package rcuser

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"
	"unicode/utf8"
)

// UsersService registers users, reads and updates the names and portraits that push notifications show, and
// deactivates and reactivates accounts. Use it as [Client.Users].
type UsersService service

// Registration describes a user to register.
type Registration struct {
	UserID      string // 1 to 64 bytes, case-sensitive; RC documents letters and digits, older pages also + = - and _
	Name        string // 1 to 64 characters, shown in push notifications
	PortraitURI string // optional, at most 1024 bytes; if empty, a stored portrait is kept
}

// Token is what the app's client SDK connects with. Its Value is printed by no verb of fmt and not by slog. JSON
// includes it, so that it can be sent to the app.
type Token struct {
	UserID string
	Value  string
}

// String returns the token without its value.
func (t Token) String() string { return fmt.Sprintf("{UserID:%s Value:%s}", t.UserID, redacted) }

// Format prints the token without its value for every verb.
func (t Token) Format(f fmt.State, verb rune) { formatText(f, verb, t.String()) }

// LogValue returns the token without its value, for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

var registerUser = endpoint{path: "/user/getToken.json", rate: 200, secret: true}

const (
	maxNameCharacters = 64
	maxPortraitBytes  = 1024
)

type registerForm struct {
	UserID      formString `url:"userId"`
	Name        formString `url:"name"`
	PortraitURI formString `url:"portraitUri,omitempty"`
}

type tokenAnswer struct {
	envelope
	Token  looseString `json:"token"`
	UserID looseString `json:"userId"`
}

func (a tokenAnswer) token() (Token, error) {
	if a.Token == "" {
		return Token{}, unreadableField("token")
	}
	return Token{UserID: string(a.UserID), Value: string(a.Token)}, nil
}

// Register makes sure that a user exists and returns a new token for it. The API calls this getting a token.
//
// If the user exists already, the name and, if given, the portrait replace the stored ones; tokens from earlier calls
// stay valid. Tokens don't expire unless the console sets a validity period; [TokensService.Expire] and a reset of
// the app secret invalidate them. The answer repeats the user's id; if it doesn't, the Token has the registered one. RC
// accepts 200 calls a second.
//
// Errors: [ErrUserLimit] if a development environment has 100 users already. A deactivated user gets no token; RC
// doesn't document the code of that refusal.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/register.
//
//rc:endpoint POST /user/getToken.json
func (s *UsersService) Register(ctx context.Context, user Registration) (Token, error) {
	if err := user.check(); err != nil {
		return Token{}, err
	}
	form := registerForm{formString(user.UserID), formString(user.Name), formString(user.PortraitURI)}
	token, err := call(ctx, (*service)(s), registerUser, form, tokenAnswer.token)
	if err == nil && token.UserID == "" {
		token.UserID = user.UserID
	}
	return token, err
}

func (r Registration) check() error {
	if err := checkID("Registration.UserID", r.UserID); err != nil {
		return err
	}
	if r.Name == "" {
		return &ArgumentError{"Registration.Name", "is empty"}
	}
	if err := checkName("Registration.Name", r.Name); err != nil {
		return err
	}
	return checkPortraitURI("Registration.PortraitURI", r.PortraitURI)
}

func checkName(name, value string) error {
	switch n := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		return &ArgumentError{name, "is not valid UTF-8"}
	case n > maxNameCharacters:
		return argumentErrorf(name, "%d characters, at most %d are allowed", n, maxNameCharacters)
	}
	return nil
}

func checkPortraitURI(name, value string) error {
	switch {
	case !utf8.ValidString(value):
		return &ArgumentError{name, "is not valid UTF-8"}
	case len(value) > maxPortraitBytes:
		return argumentErrorf(name, "%d bytes, at most %d are allowed", len(value), maxPortraitBytes)
	}
	return nil
}

// User is what RC stores about a user for push notifications. A field that RC's answer lacks, or that can't be read, is
// its zero value.
type User struct {
	ID          string
	Name        string
	PortraitURI string    // may be empty
	CreatedAt   time.Time // in whole seconds, in the data center's time zone
}

var getUser = endpoint{path: "/user/info.json", rate: 100}

type userAnswer struct {
	envelope
	Name        looseString `json:"userName"`
	PortraitURI looseString `json:"userPortrait"`
	CreatedAt   looseString `json:"createTime"`
}

func (a userAnswer) user(id string, location *time.Location) User {
	return User{ID: id, Name: string(a.Name), PortraitURI: string(a.PortraitURI), CreatedAt: parseTime(a.CreatedAt, location)}
}

// Get returns a user's name, portrait and time of registration. RC doesn't document the zone of that time, see
// [Beijing]. RC accepts 100 calls a second.
//
// Errors: for an id that was never registered, [ErrParameter] is assumed; RC doesn't document the code.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/get.
//
//rc:endpoint POST /user/info.json
func (s *UsersService) Get(ctx context.Context, userID string) (User, error) {
	if err := checkID("userID", userID); err != nil {
		return User{}, err
	}
	return call(ctx, (*service)(s), getUser, userForm{formString(userID)}, func(a userAnswer) (User, error) {
		return a.user(userID, s.client.caller.location), nil
	})
}

// UserUpdate is a change of a user's name and portrait. A nil field keeps the stored value, a pointer to "" clears
// it.
type UserUpdate struct {
	Name        *string // at most 64 characters
	PortraitURI *string // at most 1024 bytes
}

var updateUser = endpoint{path: "/user/refresh.json", rate: 100}

type updateForm struct {
	UserID      formString `url:"userId"`
	Name        *string    `url:"name,omitempty"` // go-querystring sends a pointer to "" all the same
	PortraitURI *string    `url:"portraitUri,omitempty"`
}

// Update changes a user's name, portrait or both, at once; older SDKs of RC say within 5 minutes. Fields that are nil
// keep their stored values. Whether a name can be cleared isn't documented. The API calls this refreshing. RC accepts
// 100 calls a second.
//
// Errors: an [*ArgumentError] if both fields are nil. [ErrParameter] for an id that was never registered; that isn't
// documented, it was observed in 2017.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/modify.
//
//rc:endpoint POST /user/refresh.json
func (s *UsersService) Update(ctx context.Context, userID string, update UserUpdate) error {
	if err := checkID("userID", userID); err != nil {
		return err
	}
	if err := update.check(); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), updateUser, updateForm{formString(userID), update.Name, update.PortraitURI})
}

func (u UserUpdate) check() error {
	if u.Name == nil && u.PortraitURI == nil {
		return &ArgumentError{"UserUpdate", "changes nothing, at least 1 field is needed"}
	}
	if u.Name != nil {
		if err := checkName("UserUpdate.Name", *u.Name); err != nil {
			return err
		}
	}
	if u.PortraitURI != nil {
		return checkPortraitURI("UserUpdate.PortraitURI", *u.PortraitURI)
	}
	return nil
}

// Operation identifies a deactivation or reactivation that RC has accepted and carries out later.
type Operation struct {
	ID string
}

const maxJoinedIDs = 100 // a call, for the endpoints that take ids joined with commas

type joinedForm struct {
	UserIDs []string `url:"userId,comma"`
}

// units is the number of ids, because RC limits the rate of ids and not of calls here.
func (f joinedForm) units() int { return len(f.UserIDs) }

type operationAnswer struct {
	envelope
	ID looseString `json:"operateId"`
}

func (a operationAnswer) operation() (Operation, error) {
	if a.ID == "" {
		return Operation{}, unreadableField("operateId")
	}
	return Operation{string(a.ID)}, nil
}

var deactivateUsers = endpoint{path: "/user/deactivate.json", rate: 100, maxUnits: maxJoinedIDs}

// Deactivate deactivates 1 to 100 accounts. RC disconnects the users and refuses them new tokens at once. Within 15
// minutes it deletes their names and portraits, history, conversations, push data, blocklists and allowlists, and
// reports the result for each user to the app's webhook; group memberships are kept. Success only means that RC
// accepted the request. Operations.Wait of package webhook waits for the results.
//
// Deactivating a deactivated user is assumed to return another operation and to change nothing else. RC accepts 100
// ids a second, not calls.
//
// Errors: an [*ArgumentError] for an id with a comma, because RC would read it as a separator between ids.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/deactivate.
//
//rc:endpoint POST /user/deactivate.json
func (s *UsersService) Deactivate(ctx context.Context, userIDs []string) (Operation, error) {
	if err := checkJoinedIDs("userIDs", userIDs); err != nil {
		return Operation{}, err
	}
	return call(ctx, (*service)(s), deactivateUsers, joinedForm{userIDs}, operationAnswer.operation)
}

// checkJoinedIDs is checkIDs for the endpoints that take ids joined with commas.
func checkJoinedIDs(name string, ids []string) error {
	if err := checkIDs(name, ids, maxJoinedIDs); err != nil {
		return err
	}
	for i, id := range ids {
		if problem := joinedIDProblem(id); problem != "" {
			return &ArgumentError{fmt.Sprintf("%s[%d]", name, i), problem}
		}
	}
	return nil
}

var reactivateUsers = endpoint{path: "/user/reactivate.json", rate: 100, maxUnits: maxJoinedIDs}

// Reactivate reactivates 1 to 100 deactivated accounts. Deleted data doesn't come back. Reactivating an active user
// is no error. RC accepts 100 ids a second, not calls.
//
// Errors: an [*ArgumentError] for an id with a comma, because RC would read it as a separator between ids. Within 1
// hour of the deactivation RC refuses the call, with a code that it doesn't document; Operations.Reactivate of
// package webhook can then tell when it will be possible.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/reactivate.
//
//rc:endpoint POST /user/reactivate.json
func (s *UsersService) Reactivate(ctx context.Context, userIDs []string) (Operation, error) {
	if err := checkJoinedIDs("userIDs", userIDs); err != nil {
		return Operation{}, err
	}
	return call(ctx, (*service)(s), reactivateUsers, joinedForm{userIDs}, operationAnswer.operation)
}

var listDeactivated = endpoint{path: "/user/deactivate/query.json", rate: 100}

const maxDeactivatedPage = 50

type deactivatedForm struct {
	Page int `url:"pageNo,omitempty"`
	Size int `url:"pageSize,omitempty"`
}

type deactivatedAnswer struct {
	envelope
	UserIDs looseList[looseString] `json:"users"`
}

func (a deactivatedAnswer) ids() ([]string, error) { return listedIDs(a.UserIDs) }

// ListDeactivated returns one page of the ids of deactivated users, including users whose deactivation is still
// running. A page has at most 50 ids, which is also the default. RC returns neither a total nor a next page: the list
// ends with an empty page, and a page with fewer ids than its size needn't be the last. An entry of the answer without
// an id is left out. The order isn't documented. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/query-deactivated-list.
//
//rc:endpoint POST /user/deactivate/query.json
func (s *UsersService) ListDeactivated(ctx context.Context, page PageOptions) ([]string, error) {
	ids, err := s.deactivatedPage(ctx, page)
	return withoutZero(ids), err
}

// deactivatedPage is ListDeactivated with "" for an entry without an id.
func (s *UsersService) deactivatedPage(ctx context.Context, page PageOptions) ([]string, error) {
	if err := page.check(maxDeactivatedPage); err != nil {
		return nil, err
	}
	return call(ctx, (*service)(s), listDeactivated, deactivatedForm{page.page(), page.Size}, deactivatedAnswer.ids)
}

// AllDeactivated returns an iterator over the ids of all deactivated users. It reads the pages of
// [UsersService.ListDeactivated], 50 ids each, up to the first empty one, and starts again from page 1 every time it is
// ranged over. The first error ends it and is yielded once, with an empty id. Pages that repeat without end are such an
// error, though ids may have been yielded several times before it is found. An id may be missed or yielded twice if
// users are deactivated or reactivated meanwhile.
func (s *UsersService) AllDeactivated(ctx context.Context) iter.Seq2[string, error] {
	return allPages(listDeactivated, maxDeactivatedPage, func(page PageOptions) ([]string, error) {
		return s.deactivatedPage(ctx, page)
	})
}
