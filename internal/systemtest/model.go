package systemtest

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// Chooser makes a model's random choices and takes its failures. The root package's tests implement it with rapid, so
// that a failure is reduced to few steps.
type Chooser interface {
	Choose(label string, n int) int                  // from 0 to n-1
	Text(label string, shortest, longest int) string // of that many characters
	Errorf(format string, args ...any)
	FailNow()
}

// World is a client and its fake, and a plain model of RC's rules to compare both with. Its rules are the rows' Step, Check and Erase
// functions. It has the methods Errorf and FailNow, so rules can be written with testify's require.
//
// User holds what several resources read or change. A resource keeps what is only its own with [Own].
type World struct {
	Chooser
	Context context.Context
	Client  *rcuser.Client
	Server  *rctest.Server

	rows  []Row
	users map[string]*User
	own   map[reflect.Type]any
}

// User is a user as the model sees it.
type User struct {
	ID                     string
	Registered             bool
	Name, PortraitURI      string
	CreatedAt              time.Time
	Tokens                 []Token   // those that are valid, oldest first
	VoidBefore             time.Time // tokens issued before are void
	BannedUntil            time.Time
	DeactivatedAt          time.Time // zero = not deactivated
	Blocklist, Allowlist   []string  // newest first
	AllowlistOn, Connected bool

	erased bool // RC deleted the data, because the deactivation has finished
}

// Token is a token as the model sees it.
type Token struct {
	Value    string
	IssuedAt time.Time
}

// Everyone is the ids of a world's users, with characters that an encoder could get wrong.
var Everyone = []string{"ann", "Ann", "bob+1", "c&d=e%", "李雷", "👩‍🚀"}

// NewWorld returns a world with a new fake, which the caller closes.
func NewWorld(c Chooser) *World {
	w := &World{
		Chooser: c, Context: context.Background(), Server: rctest.NewServer(),
		rows: Rows(), users: map[string]*User{}, own: map[reflect.Type]any{},
	}
	client, err := rcuser.NewClient(w.Server.Config())
	if err != nil {
		c.Errorf("NewClient: %v", err)
		c.FailNow()
	}
	w.Client = client
	for _, id := range Everyone {
		w.users[id] = &User{ID: id}
	}
	return w
}

// Own returns the part of the model that belongs to one resource: the world's only T, which is zero at first.
func Own[T any](w *World) *T {
	key := reflect.TypeFor[T]()
	if w.own[key] == nil {
		w.own[key] = new(T)
	}
	return w.own[key].(*T)
}

// Steps returns what may happen in the world, by name: the rows' steps, a device that connects or disconnects, and time
// that passes.
func (w *World) Steps() map[string]func() {
	steps := map[string]func(){"connect": w.connect, "wait": w.wait}
	for _, row := range w.rows {
		if row.Step != nil {
			steps[row.Path] = func() { row.Step(w) }
		}
	}
	return steps
}

func (w *World) connect() {
	id, online := w.ChooseID("id"), w.ChooseBool("online")
	w.Server.SetOnline(id, online)
	user := w.User(id)
	user.Connected = online && w.MayConnect(user)
}

func (w *World) wait() {
	d := ChooseFrom(w, "time", time.Millisecond, time.Second, time.Minute, 14*time.Minute, time.Hour)
	if w.ChooseBool("advance the fake") {
		w.Server.Advance(d)
	} else {
		time.Sleep(d)
	}
}

// User returns a user of the model, without the data that a deactivation has deleted by now.
func (w *World) User(id string) *User {
	user := w.users[id]
	if !user.DeactivatedAt.IsZero() && !user.erased && w.Server.Now().Sub(user.DeactivatedAt) >= 15*time.Minute {
		user.erased = true
		for _, row := range w.rows {
			if row.Erase != nil {
				row.Erase(w, user)
			}
		}
	}
	return user
}

// Users returns all users of the model, in the order of [Everyone].
func (w *World) Users() []*User {
	users := make([]*User, len(Everyone))
	for i, id := range Everyone {
		users[i] = w.User(id)
	}
	return users
}

// Reactivate ends a user's deactivation.
func (u *User) Reactivate() { u.DeactivatedAt, u.erased = time.Time{}, false }

// IsBanned reports whether a user is banned now.
func (w *World) IsBanned(user *User) bool { return w.Server.Now().Before(user.BannedUntil) }

// MayConnect reports whether RC lets a user's devices connect.
func (w *World) MayConnect(user *User) bool { return !w.IsBanned(user) && user.DeactivatedAt.IsZero() }

// Check compares the fake's whole state with the model. It must run after every step.
func (w *World) Check() {
	for _, user := range w.Users() {
		got := w.Server.User(user.ID)
		for _, row := range w.rows {
			if row.Check != nil {
				row.Check(w, user, got)
			}
		}
		for _, to := range w.Users() {
			want := w.MayConnect(user) && accepts(to, user.ID)
			if got := w.Server.CanMessage(user.ID, to.ID); got != want {
				w.Errorf("CanMessage(%q, %q) is %t, want %t", user.ID, to.ID, got, want)
				w.FailNow()
			}
		}
	}
}

// accepts reports whether a user's lists let messages from a sender through.
func accepts(user *User, sender string) bool {
	if user.AllowlistOn {
		return slices.Contains(user.Allowlist, sender)
	}
	return !slices.Contains(user.Blocklist, sender)
}

// ChooseBool returns one of both values.
func (w *World) ChooseBool(label string) bool { return w.Choose(label, 2) == 1 }

// ChooseID returns the id of a user.
func (w *World) ChooseID(label string) string { return ChooseFrom(w, label, Everyone...) }

// ChooseIDs returns at least one id of [Everyone], none twice, in any order.
func (w *World) ChooseIDs(label string) []string {
	rest := slices.Clone(Everyone)
	ids := make([]string, 1+w.Choose("number of "+label, len(rest)))
	for i := range ids {
		n := w.Choose(label, len(rest))
		ids[i] = rest[n]
		rest = slices.Delete(rest, n, n+1)
	}
	return ids
}

// ChooseFrom returns one of the values.
func ChooseFrom[T any](c Chooser, label string, values ...T) T {
	return values[c.Choose(label, len(values))]
}

// PageOf returns a page of all, numbered from 1. It is never nil, as the client's pages.
func PageOf[T any](all []T, page, size int) []T {
	start := min((page-1)*size, len(all))
	return append([]T{}, all[start:min(start+size, len(all))]...)
}
