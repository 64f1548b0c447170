package webhook

import (
	"encoding/json"
	"time"
)

// Event is one event of a webhook: a [PresenceEvent], [DeactivationEvent], [ProfileEvent], [FriendshipEvent] or [UnknownEvent].
type Event interface{ event() }

// Status is what happened to a connection. Values without a constant are kept as RC sent them.
type Status string

// The statuses. Note that in RC's API, which [rcuser.PresenceService.Online] calls, 1 means online.
const (
	Online    Status = "0" // a device connected
	Offline   Status = "1" // a device disconnected, or was disconnected
	LoggedOut Status = "2" // a device logged out, and gets no push notifications any more
)

// String returns "online", "offline", "logged out" or the value itself.
func (s Status) String() string {
	switch s {
	case Online:
		return "online"
	case Offline:
		return "offline"
	case LoggedOut:
		return "logged out"
	}
	return string(s)
}

// PresenceEvent reports that a device of a user connected or disconnected. A user with several devices is online while any
// of them is: keep the state of each SessionID or, if that is empty, of each OS, and ignore an event that is older than
// the previous one. RC may report a broken connection 5 minutes late.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/onlinestatus.
type PresenceEvent struct {
	UserID    string
	Status    Status
	OS        string // iOS, Android, HarmonyOS, Websocket, PC, MiniProgram
	Time      time.Time
	ClientIP  string // address and port
	SessionID string // identifies the device's connection; older installations of RC don't send it
}

func (PresenceEvent) event() {}

// OperationType says whether an account was deactivated or reactivated. Values without a constant are kept as RC sent them.
type OperationType string

// The types of operations.
const (
	Deactivation OperationType = "0"
	Reactivation OperationType = "1"
)

// String returns "deactivation", "reactivation" or the value itself.
func (t OperationType) String() string {
	switch t {
	case Deactivation:
		return "deactivation"
	case Reactivation:
		return "reactivation"
	}
	return string(t)
}

// CodeDone is the code of a successful operation. RC's documentation has no readable table of the other codes.
const CodeDone = "0"

// DeactivationEvent is the result of the deactivation or reactivation of one user. RC sends it within 15 minutes for a
// deactivation, and at once for a reactivation or if the user is already in that state.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/callback-deactivation.
type DeactivationEvent struct {
	UserID      string
	OperationID string // the ID of [rcuser.Operation]
	Type        OperationType
	Code        string // CodeDone, or the reason why RC refused
	Time        time.Time
}

func (DeactivationEvent) event() {}

// Done reports whether the deactivation or reactivation succeeded.
func (e DeactivationEvent) Done() bool { return e.Code == CodeDone }

// ProfileChange is what happened to a profile. Values without a constant are kept as RC sent them.
type ProfileChange string

// The changes of a profile.
const (
	ProfileCleared  ProfileChange = "0"
	ProfileModified ProfileChange = "1"
)

// ProfileEvent reports a change of a user profile that RC hosts.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user-profiles/sync-profiles-status.
type ProfileEvent struct {
	UserID     string        // the profile's user; in the newer format it may be the user who changed it
	Change     ProfileChange // ProfileModified if the event doesn't say, which is an assumption
	Time       time.Time
	Profile    json.RawMessage // a JSON object; nil if the event has none
	ExtProfile json.RawMessage // the app's own fields, a JSON object; nil if the event has none
}

func (ProfileEvent) event() {}

// FriendshipChange is what happened between two users. Values without a constant are kept as RC sent them.
type FriendshipChange string

// The changes of a friendship.
const (
	FriendRequested     FriendshipChange = "1"
	FriendAccepted      FriendshipChange = "2"
	FriendRejected      FriendshipChange = "3"
	FriendRemoved       FriendshipChange = "4"
	FriendAddedByServer FriendshipChange = "5"
)

// FriendshipEvent reports a change of the friendship between two users.
//
// Source: https://docs.rongcloud.io/platform-chat-api/friend-profile/friendship-sync.
type FriendshipEvent struct {
	UserID, ToUserID string
	Change           FriendshipChange
	Source           string // the platform: Android, iOS, Websocket, Server
	Extra            string // the app's own text
	Time             time.Time
}

func (FriendshipEvent) event() {}

// UnknownEvent is an event of a kind that this package doesn't know, or an event of a list whose fields are missing or
// invalid, see [Decode]. RC posts every kind that is enabled for the app.
type UnknownEvent struct {
	Raw []byte // the JSON value or the whole form, unchanged
}

func (UnknownEvent) event() {}
