// Package budget limits how many retries a client makes while its calls fail, so that retries don't make an outage
// worse.
package budget

import "sync"

const (
	capacity    = 500
	retryCost   = 5
	firstReward = 1
)

// Budget is a token bucket. It is full at first, which pays for 100 retries. It is safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	spent   int
	refused bool // a retry was refused since the last one that was paid for
}

// Take pays for a retry. It reports whether the tokens sufficed and, if not, whether this is the first refusal since a
// retry was paid for.
func (b *Budget) Take() (ok, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent > capacity-retryCost {
		first, b.refused = !b.refused, true
		return false, first
	}
	b.spent += retryCost
	b.refused = false
	return true, false
}

// FirstSucceeded adds 1 token, for a call that succeeded without a retry.
func (b *Budget) FirstSucceeded() { b.give(firstReward) }

// Refund adds the 5 tokens that a retry cost, for one that succeeded or was not made.
func (b *Budget) Refund() { b.give(retryCost) }

func (b *Budget) give(tokens int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-tokens)
}
