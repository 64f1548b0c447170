package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
)

// Config is what [NewHandler] makes a handler from. Credentials and at least one of the functions are required; the zero
// value of every other field is its default.
//
// The functions get one event at a time, those of one request in its order. RC may send an event twice, and in
// any order: what they do must be right then too, as by comparing times. An event of a kind that has no function is
// answered 200 and forgotten.
//
// Without a Queue, RC is answered when the functions have returned: 200 if they all returned nil, else 500, and RC
// sends the request again, 3 times in all. Their context ends 4 seconds after the request came. If they haven't returned
// by then RC is answered 503, as it wouldn't wait for longer than 5 seconds; they go on, and until they return the same
// request is answered 503 again. A panic counts as an error.
type Config struct {
	// Credentials returns the app's key and secret, both old and new ones while a secret is rotated. It is asked for
	// every request whose parameters could be RC's: cache what is slow to fetch. [StaticCredentials] makes one.
	Credentials func(context.Context) ([]rcuser.Credentials, error)

	OnPresence     func(context.Context, PresenceEvent) error
	OnDeactivation func(context.Context, DeactivationEvent) error // of reactivations too, see their Type; Operations.Handle, or what calls it
	OnProfile      func(context.Context, ProfileEvent) error
	OnFriendship   func(context.Context, FriendshipEvent) error
	OnUnknown      func(context.Context, UnknownEvent) error

	Window  Window      // how old a request may be, and how far ahead; zero = 10 and 5 minutes
	Replays ReplayGuard // nil = in memory, DefaultReplays of them

	// Queue, unless 0, is how many events may wait for the functions; those of one request are taken together, even if
	// that makes them more. RC is answered 200 as soon as a request is in the queue, or 503 if that is full. The functions
	// may then take as long as they need, but what they return is only logged: RC won't send the request again, and a
	// process that dies loses what is in the queue.
	Queue   int
	Workers int // that take from the queue; 0 = 1, which keeps the order of arrival

	// Logger gets a line for every request that isn't answered 200, and for every failure in the queue; nil = silent.
	// Where RC's requests are refused and nobody knows why, as for a wrong secret, it says so.
	Logger *slog.Logger
}

// StaticCredentials returns a [Config]'s Credentials for secrets that don't change while the program runs.
func StaticCredentials(credentials ...rcuser.Credentials) func(context.Context) ([]rcuser.Credentials, error) {
	credentials = slices.Clone(credentials)
	return func(context.Context) ([]rcuser.Credentials, error) { return credentials, nil }
}

func (c Config) check() error {
	switch {
	case c.Credentials == nil:
		return &rcuser.ArgumentError{Name: "Config.Credentials", Reason: "is nil"}
	case c.OnPresence == nil && c.OnDeactivation == nil && c.OnProfile == nil && c.OnFriendship == nil && c.OnUnknown == nil:
		return &rcuser.ArgumentError{Name: "Config", Reason: "has no function for any event"}
	case c.Queue < 0:
		return &rcuser.ArgumentError{Name: "Config.Queue", Reason: fmt.Sprintf("%d is negative", c.Queue)}
	case c.Workers < 0:
		return &rcuser.ArgumentError{Name: "Config.Workers", Reason: fmt.Sprintf("%d is negative", c.Workers)}
	case c.Workers > 0 && c.Queue == 0:
		return &rcuser.ArgumentError{Name: "Config.Workers", Reason: "is set without Queue"}
	}
	return c.Window.check("Config.Window")
}

// NewHandler checks cfg and returns a handler that uses it. It asks for no credentials yet. An error is an
// [*rcuser.ArgumentError] that names the field.
func NewHandler(cfg Config) (*Handler, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Window = cfg.Window.withDefaults()
	if cfg.Replays == nil {
		cfg.Replays = NewReplayGuard(DefaultReplays)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{config: cfg}
	h.ending, h.end = context.WithCancel(context.Background())
	h.queue = queue{most: cfg.Queue, workers: max(cfg.Workers, 1), run: h.work, start: h.startWorker}
	return h, nil
}

// remember returns until when a request must be known as handled: for as long as its signature is good, and a little
// longer, as the check of its time and that of the guard aren't one.
func (w Window) remember(signedAt time.Time) time.Time {
	if w.Past == Unlimited {
		return time.Now().Add(unlimitedReplays)
	}
	return signedAt.Add(w.Past).Add(time.Minute) // the sum of both may be no duration
}
