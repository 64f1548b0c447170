// Package budget bounds how many retries a client makes while its calls keep failing, so that an outage isn't made
// worse by those who wait for its end.
package budget

import "sync"

const (
	capacity    = 500
	retryCost   = 5
	firstReward = 1
)

// Budget is a bucket of tokens, full at first: 100 retries' worth. It is safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	spent   int
	refused bool // a retry, since one was paid for last
}

// Take pays for a retry. It reports whether there was enough left and, if not, whether this is news.
func (b *Budget) Take() (ok, news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent > capacity-retryCost {
		news, b.refused = !b.refused, true
		return false, news
	}
	b.spent += retryCost
	b.refused = false
	return true, false
}

// FirstSucceeded gives back a little for a call that succeeded without a retry.
func (b *Budget) FirstSucceeded() { b.give(firstReward) }

// RetrySucceeded gives back what the retry that succeeded cost.
func (b *Budget) RetrySucceeded() { b.give(retryCost) }

func (b *Budget) give(tokens int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-tokens)
}
