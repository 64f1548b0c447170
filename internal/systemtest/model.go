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

// Model is a plain model of RC's rules, with the client and the fake that it is compared with. Its rules are the rows'
// Step, Check and Erase functions. They can use testify's require with it, as it has the methods Errorf and FailNow.
//
// User holds what several resources read or change. What only one resource needs is kept with [Own].
type Model struct {
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

// Everyone is the ids of the model's users, with characters that an encoder could get wrong.
var Everyone = []string{"ann", "Ann", "bob+1", "c&d=e%", "李雷", "👩‍🚀"}

// NewModel returns a model with a new fake, which the caller closes.
func NewModel(c Chooser) *Model {
	m := &Model{
		Chooser: c, Context: context.Background(), Server: rctest.NewServer(),
		rows: Rows(), users: map[string]*User{}, own: map[reflect.Type]any{},
	}
	client, err := rcuser.NewClient(m.Server.Config())
	if err != nil {
		c.Errorf("NewClient: %v", err)
		c.FailNow()
	}
	m.Client = client
	for _, id := range Everyone {
		m.users[id] = &User{ID: id}
	}
	return m
}

// Own returns the part of the model that belongs to one resource: the model's only T, which is zero at first.
func Own[T any](m *Model) *T {
	key := reflect.TypeFor[T]()
	if m.own[key] == nil {
		m.own[key] = new(T)
	}
	return m.own[key].(*T)
}

// Steps returns what may happen, by name: the rows' steps, a device that connects or disconnects, and time that passes.
func (m *Model) Steps() map[string]func() {
	steps := map[string]func(){"connect": m.connect, "wait": m.wait}
	for _, row := range m.rows {
		if row.Step != nil {
			steps[row.Path] = func() { row.Step(m) }
		}
	}
	return steps
}

func (m *Model) connect() {
	id, online := m.ChooseID("id"), m.ChooseBool("online")
	m.Server.SetOnline(id, online)
	user := m.User(id)
	user.Connected = online && m.MayConnect(user)
}

func (m *Model) wait() {
	d := ChooseFrom(m, "time", time.Millisecond, time.Second, time.Minute, 14*time.Minute, time.Hour)
	if m.ChooseBool("advance the fake") {
		m.Server.Advance(d)
	} else {
		time.Sleep(d)
	}
}

// User returns a user of the model, without the data that a deactivation has deleted by now.
func (m *Model) User(id string) *User {
	user := m.users[id]
	if !user.DeactivatedAt.IsZero() && !user.erased && m.Server.Now().Sub(user.DeactivatedAt) >= 15*time.Minute {
		user.erased = true
		for _, row := range m.rows {
			if row.Erase != nil {
				row.Erase(m, user)
			}
		}
	}
	return user
}

// Users returns all users of the model, in the order of [Everyone].
func (m *Model) Users() []*User {
	users := make([]*User, len(Everyone))
	for i, id := range Everyone {
		users[i] = m.User(id)
	}
	return users
}

// Reactivate ends a user's deactivation.
func (u *User) Reactivate() { u.DeactivatedAt, u.erased = time.Time{}, false }

// IsBanned reports whether a user is banned now.
func (m *Model) IsBanned(user *User) bool { return m.Server.Now().Before(user.BannedUntil) }

// MayConnect reports whether RC lets a user's devices connect.
func (m *Model) MayConnect(user *User) bool { return !m.IsBanned(user) && user.DeactivatedAt.IsZero() }

// Check compares the fake's whole state with the model. It must run after every step.
func (m *Model) Check() {
	for _, user := range m.Users() {
		got := m.Server.User(user.ID)
		for _, row := range m.rows {
			if row.Check != nil {
				row.Check(m, user, got)
			}
		}
		for _, to := range m.Users() {
			want := m.MayConnect(user) && accepts(to, user.ID)
			if got := m.Server.CanMessage(user.ID, to.ID); got != want {
				m.Errorf("CanMessage(%q, %q) is %t, want %t", user.ID, to.ID, got, want)
				m.FailNow()
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
func (m *Model) ChooseBool(label string) bool { return m.Choose(label, 2) == 1 }

// ChooseID returns the id of a user.
func (m *Model) ChooseID(label string) string { return ChooseFrom(m, label, Everyone...) }

// ChooseIDs returns at least one id of [Everyone], none twice, in any order.
func (m *Model) ChooseIDs(label string) []string {
	rest := slices.Clone(Everyone)
	ids := make([]string, 1+m.Choose("number of "+label, len(rest)))
	for i := range ids {
		n := m.Choose(label, len(rest))
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
