package webhook

import (
	"encoding/json"
	"time"
)

// Event is what RC reports: a [PresenceEvent], [DeactivationEvent], [ProfileEvent], [FriendshipEvent] or [UnknownEvent].
type Event interface{ event() }

// Status is what happened to a connection. Values that have no constant here are kept as they came.
type Status string

// The values are the reverse of what RC's API answers when asked who is online.
const (
	Online    Status = "0" // a device connected
	Offline   Status = "1" // a device disconnected, or was disconnected
	LoggedOut Status = "2" // a device logged out: it gets no push notifications either
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

// PresenceEvent is a device of a user that connected or disconnected. A user with several devices is online while any
// of them is: keep a state for each SessionID or, if that is empty, for each OS, and ignore an event that is older than
// the one before. That a connection broke may be reported 5 minutes late.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/onlinestatus.
type PresenceEvent struct {
	UserID    string
	Status    Status
	OS        string // iOS, Android, HarmonyOS, Websocket, PC, MiniProgram
	Time      time.Time
	ClientIP  string // address and port
	SessionID string // tells the user's devices apart; older installations of RC don't send it
}

func (PresenceEvent) event() {}

// OperationType is what was done to an account. Values that have no constant here are kept as they came.
type OperationType string

// The operations.
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

// CodeDone is the code of an operation that succeeded. RC's documentation has no readable table of the others.
const CodeDone = "0"

// DeactivationEvent is the end of one user's deactivation or reactivation: within 15 minutes for a deactivation, at
// once for a reactivation and for what was done before.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/deactivation/callback-deactivation.
type DeactivationEvent struct {
	UserID      string
	OperationID string // of [rcuser.Operation]
	Type        OperationType
	Code        string // CodeDone, or why RC refused
	Time        time.Time
}

func (DeactivationEvent) event() {}

// Done reports whether the operation, be it a deactivation or a reactivation, succeeded.
func (e DeactivationEvent) Done() bool { return e.Code == CodeDone }

// ProfileChange is what happened to a profile. Values that have no constant here are kept as they came.
type ProfileChange string

// The changes of a profile.
const (
	ProfileCleared  ProfileChange = "0"
	ProfileModified ProfileChange = "1"
)

// ProfileEvent is a change of a profile that RC hosts.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user-profiles/sync-profiles-status.
type ProfileEvent struct {
	UserID     string        // whose profile it is; with RC's newer format it may be who changed it
	Change     ProfileChange // an event that doesn't say is taken for a modification; that is assumed
	Time       time.Time
	Profile    json.RawMessage // the object; nil if there is none
	ExtProfile json.RawMessage // the app's own fields, an object; nil if there are none
}

func (ProfileEvent) event() {}

// FriendshipChange is what happened between two users. Values that have no constant here are kept as they came.
type FriendshipChange string

// The changes of a friendship.
const (
	FriendRequested     FriendshipChange = "1"
	FriendAccepted      FriendshipChange = "2"
	FriendRejected      FriendshipChange = "3"
	FriendRemoved       FriendshipChange = "4"
	FriendAddedByServer FriendshipChange = "5"
)

// FriendshipEvent is a change between a user and another.
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

// UnknownEvent is one of a kind that this package doesn't know. RC posts all events that are switched on for the app.
type UnknownEvent struct {
	Raw []byte // the JSON object, or the whole form
}

func (UnknownEvent) event() {}
