package rcuser

import (
	"context"
	"fmt"
	"slices"
)

// resumer holds back ids of the stream for as long as they may turn out to be a run that the journal has recorded as done.
type resumer struct {
	journal Journal
	limit   int      // of the ids of a run
	ids     []string // held back
	first   int      // the position of the first of them
	run     int      // length of the recorded run that begins with the first; 0: not looked up yet
	busy    bool     // recording
}

func journalError(err error) error { return fmt.Errorf("journal: %w", err) }

func (j *resumer) hold(id string, position int) {
	if len(j.ids) == 0 {
		j.first = position
	}
	j.ids = append(j.ids, id)
}

// release drops the first n ids that are held back.
func (j *resumer) release(n int) {
	j.ids = slices.Delete(j.ids, 0, n)
	j.first += n
	j.run = 0
}

// next returns the number of ids, from the first that is held back, of which it is known whether they are done, and whether
// they are. It returns 0 if it takes more ids to know that; complete says that there are none.
func (j *resumer) next(complete bool) (n int, done bool, err error) {
	if j.run == 0 {
		j.run = max(1, j.journal.Recorded(j.ids[0]))
	}
	switch {
	case j.run > len(j.ids) && j.run <= j.limit && !complete:
		return 0, false, nil
	case j.run > len(j.ids):
		return 1, false, nil
	}
	if done, err = j.journal.Done(j.ids[:j.run:j.run]); err != nil || !done {
		return 1, false, err
	}
	return j.run, true, nil
}

// record records the ids of a batch, each range of consecutive positions by itself. positions belong to ids, and ascend.
func (j *resumer) record(ids []string, positions []int) error {
	j.busy = true
	for len(ids) > 0 {
		n := 1
		for n < min(len(ids), j.limit) && positions[n] == positions[0]+n {
			n++
		}
		if err := j.journal.Record(ids[:n:n]); err != nil {
			j.busy = false
			return journalError(err)
		}
		ids, positions = ids[n:], positions[n:]
	}
	j.busy = false
	return nil
}

// resume takes the ids that are held back and aren't done. complete says that the stream has no more.
func (r *bulkRun) resume(ctx context.Context, complete bool) {
	for len(r.journal.ids) > 0 {
		if r.engine.stop != nil {
			complete = true // no more will be read, and all of them belong into the report
		}
		n, done, err := 1, false, error(nil)
		if r.engine.stop == nil {
			n, done, err = r.journal.next(complete)
		}
		if err != nil {
			r.engine.end(journalError(err))
		}
		if n == 0 {
			return
		}
		id, position := r.journal.ids[0], r.journal.first
		r.journal.release(n)
		if done {
			r.tally.resumed(n)
		} else {
			r.take(ctx, id, position)
		}
	}
}
