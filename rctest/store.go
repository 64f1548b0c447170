package rctest

import (
	"crypto/rand"
	"hash/maphash"
	"time"
)

// blockSize is how many accounts are allocated together: the accounts of a block have no allocation of their own, and a
// server of a million users grows without copying them.
const blockSize = 256

// store is the state of the service: what [Server.Export] writes, and what [Server.Import] and [Server.Reset] replace as
// a whole. Its methods expect the state's mu to be held.
type store struct {
	tokenKey    [tokenKeyBytes]byte
	blocks      []*[blockSize]account // the accounts, in order of first appearance
	count       uint32                // of accounts
	seed        maphash.Seed
	numbers     map[uint32]uint32 // the number of an account, by the hash of its id
	registered  int
	bans        ordered[banEntry]          // may still contain bans that have ended
	banCount    uint64                     // number of bans so far
	deactivated ordered[deactivationEntry] // by order, oldest first
	unfinished  ordered[deactivationEntry] // those whose result isn't known yet, by when they finish
	sessions    uint64                     // number of sessions so far
	snapshots   map[*snapshot]struct{}     // those being written
}

func newStore() *store {
	d := &store{
		seed:        maphash.MakeSeed(),
		numbers:     make(map[uint32]uint32),
		bans:        ordered[banEntry]{compare: compareBans},
		deactivated: ordered[deactivationEntry]{compare: compareOrders},
		unfinished:  ordered[deactivationEntry]{compare: compareFinishes},
		snapshots:   make(map[*snapshot]struct{}),
	}
	_, _ = rand.Read(d.tokenKey[:]) // never fails
	return d
}

// account returns the account with a number, which must be below count.
func (d *store) account(number uint32) *account {
	return &d.blocks[number/blockSize][number%blockSize]
}

// find returns the account of an id, or nil if there is none.
func (d *store) find(id string) *account {
	a, _ := d.search(id)
	return a
}

// search returns the account of an id and the key of its entry in numbers. Without an account, the key is a free one.
// Accounts are never removed, so ids with the same hash can use the keys that follow it.
func (d *store) search(id string) (a *account, key uint32) {
	for key = uint32(maphash.String(d.seed, id)); ; key++ { //nolint:gosec // the lower half of the hash
		number, used := d.numbers[key]
		if !used {
			return nil, key
		}
		if a = d.account(number); a.id() == id {
			return a, key
		}
	}
}

// findOrCreate is find, but creates a missing account.
func (d *store) findOrCreate(id string) *account {
	a, key := d.search(id)
	if a != nil {
		return a
	}
	if d.count%blockSize == 0 {
		d.blocks = append(d.blocks, new([blockSize]account))
	}
	d.numbers[key] = d.count
	a = d.account(d.count)
	a.number = d.count
	a.setTexts(id, "", "")
	d.count++
	return a
}

// update changes an account. Everything that changes one goes through it: snapshots keep what was before, state that is
// zero again is freed, and readers of changes are told.
func (s *state) update(a *account, change func(*account)) {
	for snap := range s.snapshots {
		snap.preserve(a)
	}
	change(a)
	if a.rare != nil && *a.rare == (rare{}) {
		a.rare = nil
	}
	s.changed(UserChanged, a.id())
}

// Reset makes the server forget its users and all that it stores about them, the requests, the deliveries and the faults,
// and sets its clock to the real time. All tokens are void. The options, the key and the secret, the ports and the
// webhook stay.
func (s *Server) Reset() {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.resetTraffic()
	s.state.tasks = taskQueue{} // retries of events that are dropped
	s.state.replaceStore(newStore(), 0)
}

// replaceStore also sets the clock. What waits to be posted to the webhook keeps the time that is left until then, and
// faults that end keep the time that is left to them.
func (s *state) replaceStore(d *store, advanced time.Duration) {
	s.dropEndedFaults()
	for _, f := range s.faults {
		if !f.until.IsZero() {
			f.until = f.until.Add(advanced - s.advanced)
		}
	}
	s.tasks.shift(advanced - s.advanced)
	s.store, s.advanced = d, advanced
	s.changed(StateReplaced, "")
	s.runDue()
	s.resetTimer()
}
