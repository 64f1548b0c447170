package webhook

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"

	"github.com/f0207b22/rcuser"
)

// Config configures a [Handler]. Credentials and at least one callback (one of the On functions) are required; the zero
// value of every other field is its default.
//
// A callback gets one event at a time, and the events of one request in their order. RC may send an event twice and in
// any order, so callbacks must tolerate both, for instance by comparing times. An event whose callback is nil is
// answered 200 and ignored.
//
// Without a Queue, the handler answers after the callbacks have returned: 200 if all of them returned nil, otherwise
// 500, and RC sends the request again, up to 3 times in all. The callbacks' context ends 4 seconds after the request
// arrived. If they haven't returned by then, the handler answers 503, as RC waits for 5 seconds only, and they keep running.
// RC's next attempt then waits for their result: a success is its answer too, and after a failure it calls them again, with
// 4 seconds from then. If there is no result when its own answer is due, it is answered 503. So a callback that fails late is
// called again while RC still tries. A panic counts as an error.
//
// Each attempt begins with the first event of the request. So the last events of a list are never handled if the callbacks
// before them take more than 4 seconds in all: callbacks must be quick, or use a Queue.
type Config struct {
	// Credentials returns the app's key and secret; while a secret is rotated, both the old and the new ones. It is called
	// for every request whose parameters are well-formed, so cache what is slow to fetch. See [StaticCredentials].
	Credentials func(context.Context) ([]rcuser.Credentials, error)

	OnPresence     func(context.Context, PresenceEvent) error
	OnDeactivation func(context.Context, DeactivationEvent) error // also of reactivations, see the event's Type; usually Operations.Handle
	OnProfile      func(context.Context, ProfileEvent) error
	OnFriendship   func(context.Context, FriendshipEvent) error
	OnUnknown      func(context.Context, UnknownEvent) error

	Window  Window      // accepted difference between signing time and now; zero = 10 minutes past, 5 minutes future
	Replays ReplayGuard // nil = in memory, for DefaultReplays requests

	// Queue is the number of events that may wait for the callbacks; 0 = no queue. A request is accepted with all of its
	// events while fewer than Queue events are waiting, even if that exceeds Queue. The handler answers 200 as soon as a
	// request is queued, or 503 if the queue is full. Callbacks may then take as long as they need, but their errors are
	// only logged: RC won't send the request again, and queued events are lost if the process dies.
	Queue   int
	Workers int // goroutines that take events from the queue; 0 = 1, which keeps the order of arrival

	// Logger gets one record for every request that isn't answered 200 and for every failed event of the queue, with the
	// reason, such as a signature that doesn't verify because the secret is wrong. It also gets a warning if a list has an
	// unreadable event, if a signature comes with another body, if the guard in memory is full (once a minute), and if a
	// callback fails after the answer. A panic in it is ignored. It must not block: the record of
	// a request that isn't answered 200 comes before its answer, and delays it. nil = no logging.
	Logger *slog.Logger
	// OnRequest is called once for every request, however it ended, after its answer was decided; nil = never. Use it for
	// metrics. The end of the answer waits for it for a quarter of a second at most. A panic in it is only logged.
	OnRequest func(context.Context, RequestInfo)
}

// StaticCredentials returns a value for [Config]'s Credentials that always returns the given credentials.
func StaticCredentials(credentials ...rcuser.Credentials) func(context.Context) ([]rcuser.Credentials, error) {
	credentials = slices.Clone(credentials)
	return func(context.Context) ([]rcuser.Credentials, error) { return credentials, nil }
}

func (c Config) check() error {
	switch {
	case c.Credentials == nil:
		return &rcuser.ArgumentError{Name: "Config.Credentials", Reason: "is nil"}
	case c.OnPresence == nil && c.OnDeactivation == nil && c.OnProfile == nil && c.OnFriendship == nil && c.OnUnknown == nil:
		return &rcuser.ArgumentError{Name: "Config", Reason: "has no callback, at least 1 is needed"}
	case c.Queue < 0:
		return &rcuser.ArgumentError{Name: "Config.Queue", Reason: fmt.Sprintf("%d is negative", c.Queue)}
	case c.Workers < 0:
		return &rcuser.ArgumentError{Name: "Config.Workers", Reason: fmt.Sprintf("%d is negative", c.Workers)}
	case c.Workers > 0 && c.Queue == 0:
		return &rcuser.ArgumentError{Name: "Config.Workers", Reason: "is set without Queue"}
	}
	return c.Window.check("Config.Window")
}

// NewHandler returns a handler for cfg. It doesn't call cfg.Credentials. An error is an [*rcuser.ArgumentError] that
// names the field.
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
	h := &Handler{config: cfg, bodies: bodyTable{seed: maphash.MakeSeed()}}
	h.lifetime, h.cancelAll = context.WithCancel(context.Background())
	h.queue = queue{limit: cfg.Queue, maxWorkers: max(cfg.Workers, 1), handle: h.handleQueued, goWorker: h.goWorker}
	return h, nil
}
