package rcuser

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"
	"unicode/utf8"
)

// UsersService registers users, reads and changes what push notifications show of them, and deactivates accounts.
// Use it as [Client.Users].
type UsersService service

// Registration is a user to register.
type Registration struct {
	UserID      string // 1 to 64 bytes, case-sensitive; RC promises letters and digits to work
	Name        string // 1 to 64 characters; push notifications show it
	PortraitURI string // at most 1024 bytes; optional, then the stored one stays
}

// Token is what the app's client SDK connects with. Its Value is printed by no verb of fmt and not by slog; JSON has
// it, as it is there to be handed to the app.
type Token struct {
	UserID string
	Value  string
}

// String returns the token without its value.
func (t Token) String() string { return fmt.Sprintf("{UserID:%s Value:%s}", t.UserID, redacted) }

// Format prints the token without its value for every verb.
func (t Token) Format(f fmt.State, verb rune) { formatText(f, verb, t.String()) }

// LogValue is what slog writes: the token without its value.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

var registerUser = endpoint{path: "/user/getToken.json", rate: 200, secret: true}

const (
	maxNameCharacters = 64
	maxPortraitBytes  = 1024
)

type registerForm struct {
	UserID      string `url:"userId"`
	Name        string `url:"name"`
	PortraitURI string `url:"portraitUri,omitempty"`
}

type tokenAnswer struct {
	envelope
	Token  string `json:"token"`
	UserID string `json:"userId"`
}

func (a tokenAnswer) token() (Token, error) {
	switch {
	case a.Token == "":
		return Token{}, missingField("token")
	case a.UserID == "":
		return Token{}, missingField("userId")
	}
	return Token{UserID: a.UserID, Value: a.Token}, nil
}

// Register makes sure that a user exists and returns a new token for it. The API calls this getting a token.
//
// For a user that exists already the name and, if given, the portrait replace the stored ones; tokens from earlier
// calls stay valid beside the new one. A token is valid until [TokensService.Expire] ends it, unless the console sets a
// time. A deactivated user gets none. RC accepts 200 calls a second.
//
// Errors: [ErrUserLimit] when a development environment has its 100 users.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/register.
//
//rc:endpoint POST /user/getToken.json
func (s *UsersService) Register(ctx context.Context, user Registration) (Token, error) {
	if err := user.check(); err != nil {
		return Token{}, err
	}
	return call(ctx, (*service)(s), registerUser, registerForm(user), tokenAnswer.token)
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

// User is what RC keeps about a user for push notifications.
type User struct {
	ID          string
	Name        string
	PortraitURI string    // may be empty
	CreatedAt   time.Time // to the second, in the data center's zone
}

var getUser = endpoint{path: "/user/info.json", rate: 100}

type userAnswer struct {
	envelope
	Name        *string `json:"userName"`
	PortraitURI *string `json:"userPortrait"`
	CreatedAt   string  `json:"createTime"`
}

func (a userAnswer) user(id string, location *time.Location) (User, error) {
	switch {
	case a.Name == nil:
		return User{}, missingField("userName")
	case a.PortraitURI == nil:
		return User{}, missingField("userPortrait")
	}
	createdAt, err := parseWallClock("createTime", a.CreatedAt, location)
	if err != nil {
		return User{}, err
	}
	return User{ID: id, Name: *a.Name, PortraitURI: *a.PortraitURI, CreatedAt: createdAt}, nil
}

// Get returns a user's data as they were registered or updated last. RC accepts 100 calls a second.
//
// Errors: for an id that was never registered, RC's refusal (ErrParameter is assumed, the documentation names no code).
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/get. The zone of the creation time is assumed, see [Beijing].
//
//rc:endpoint POST /user/info.json
func (s *UsersService) Get(ctx context.Context, userID string) (User, error) {
	if err := checkID("userID", userID); err != nil {
		return User{}, err
	}
	return call(ctx, (*service)(s), getUser, userForm{userID}, func(a userAnswer) (User, error) {
		return a.user(userID, s.client.location)
	})
}

// UserUpdate is a change of a user's data: nil leaves a field as it is, a pointer to "" clears it.
type UserUpdate struct {
	Name        *string // at most 64 characters
	PortraitURI *string // at most 1024 bytes
}

var updateUser = endpoint{path: "/user/refresh.json", rate: 100}

type updateForm struct {
	UserID      string  `url:"userId"`
	Name        *string `url:"name,omitempty"` // go-querystring sends a pointer to "" all the same
	PortraitURI *string `url:"portraitUri,omitempty"`
}

// Update changes what push notifications show of a user, at once; older documentation says within 5 minutes. What the
// update leaves nil stays. An update of nothing is refused. The API calls this refreshing. RC accepts 100 calls a
// second. Whether RC lets a name be cleared is not documented.
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
	return callVoid(ctx, (*service)(s), updateUser, updateForm{userID, update.Name, update.PortraitURI})
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

// Operation is a change that RC accepted and carries out later.
type Operation struct {
	ID string
}

const maxJoinedIDs = 100 // a call, for the endpoints that take ids joined with commas

type joinedForm struct {
	UserIDs []string `url:"userId,comma"`
}

// units counts ids, as RC does here.
func (f joinedForm) units() int { return len(f.UserIDs) }

type operationAnswer struct {
	envelope
	ID string `json:"operateId"`
}

func (a operationAnswer) operation() (Operation, error) {
	if a.ID == "" {
		return Operation{}, missingField("operateId")
	}
	return Operation{a.ID}, nil
}

var deactivateUsers = endpoint{path: "/user/deactivate.json", rate: 100, maxUnits: maxJoinedIDs}

// Deactivate closes 1 to 100 accounts. Success means accepted: the users are disconnected and get no more tokens at
// once. Within 15 minutes RC deletes their name and portrait, history, conversations, push data, blocklist and
// allowlist, and reports each user to the app's webhook; Operations.Wait of package webhook returns when it has. Group
// memberships stay. Deactivating a user again gives another operation and changes nothing else; that is assumed. Ids
// with commas are refused, RC would split them. RC accepts 100 ids a second, not calls.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/deactivate-user.
//
//rc:endpoint POST /user/deactivate.json
func (s *UsersService) Deactivate(ctx context.Context, userIDs []string) (Operation, error) {
	if err := checkJoinedIDs("userIDs", userIDs); err != nil {
		return Operation{}, err
	}
	return call(ctx, (*service)(s), deactivateUsers, joinedForm{userIDs}, operationAnswer.operation)
}

// checkJoinedIDs is checkIDs for the endpoints that join ids with commas.
func checkJoinedIDs(name string, ids []string) error {
	if err := checkIDs(name, ids, maxJoinedIDs); err != nil {
		return err
	}
	for i, id := range ids {
		if problem := joinedIDFault(id); problem != "" {
			return &ArgumentError{fmt.Sprintf("%s[%d]", name, i), problem}
		}
	}
	return nil
}

var reactivateUsers = endpoint{path: "/user/reactivate.json", rate: 100, maxUnits: maxJoinedIDs}

// Reactivate opens 1 to 100 deactivated accounts again; what was deleted doesn't come back. RC refuses it within an
// hour of the deactivation; the documentation names no code for that, but Operations.Reactivate of package webhook may
// say from when on it is possible. Reactivating a user that is active is no error. Ids with commas are refused, RC
// would split them. RC accepts 100 ids a second, not calls.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/reactivate-user.
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
	UserIDs *[]string `json:"users"`
}

func (a deactivatedAnswer) ids() ([]string, error) { return listedIDs(a.UserIDs) }

// ListDeactivated returns one page of the deactivated users' ids, those still being deactivated included. A page has at
// most 50 ids, which is the default too; one that is shorter than its size is the last. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/query-deactivated-users.
//
//rc:endpoint POST /user/deactivate/query.json
func (s *UsersService) ListDeactivated(ctx context.Context, page PageOptions) ([]string, error) {
	if err := page.check(maxDeactivatedPage); err != nil {
		return nil, err
	}
	return call(ctx, (*service)(s), listDeactivated, deactivatedForm{page.page(), page.Size}, deactivatedAnswer.ids)
}

// AllDeactivated returns an iterator over the ids of all deactivated users, 50 a call of [UsersService.ListDeactivated].
// Every range starts anew. It ends with the first error, which comes once with an empty id, also when a page repeats
// the one before it. The order isn't documented, and an id may be missed or come twice if users are deactivated or
// reactivated meanwhile.
func (s *UsersService) AllDeactivated(ctx context.Context) iter.Seq2[string, error] {
	return allPages(listDeactivated, maxDeactivatedPage, func(page PageOptions) ([]string, error) {
		return s.ListDeactivated(ctx, page)
	})
}
