package rcuser

// splits decides which refused batches are split in halves until the refused ids stand alone. While no call has succeeded,
// the refusal may concern every id, as that of an unknown app key does: then one batch is split at a time, others that are
// refused meanwhile wait, and after maxTrials batches without a success the work ends.
type splits struct {
	trying  bool                   // a batch is being split to find out whether any id can succeed
	tried   int                    // such batches of which no id did
	waiting []*bulkCall[bulkBatch] // refused meanwhile
}

const maxTrials = 3

// undecided reports whether a batch is being split to find out whether any id can succeed.
func (r *bulkRun) undecided() bool { return r.splits.trying }

// refuse splits a batch that was refused or, while another is being split for the trial, keeps it for later.
func (r *bulkRun) refuse(c *bulkCall[bulkBatch]) {
	switch s := &r.splits; {
	case r.engine.succeeded > 0 || c.trial:
		r.split(c)
	case s.trying:
		s.waiting = append(s.waiting, c)
	default:
		s.trying, c.trial = true, true
		r.split(c)
	}
}

func (r *bulkRun) split(c *bulkCall[bulkBatch]) {
	if len(c.item.ids) == 1 {
		r.engine.fail(c)
		return
	}
	r.engine.queueFirst(split(c))
}

// succeeded splits the batches that wait, because a call has succeeded.
func (s *splits) succeeded(r *bulkRun) {
	waiting := s.waiting
	s.trying, s.waiting = false, nil
	for _, c := range waiting {
		r.split(c)
	}
}

// end counts a batch of which no id succeeded, and goes on with the next that waits.
func (r *bulkRun) end(c *bulkCall[bulkBatch]) {
	s := &r.splits
	if !s.trying || !c.trial {
		return
	}
	s.trying = false
	if s.tried++; s.tried == maxTrials {
		r.engine.end(c.err)
	}
	if r.engine.stop == nil && len(s.waiting) > 0 {
		next := s.waiting[0]
		s.waiting = s.waiting[1:]
		r.refuse(next)
	}
}

// settle fails the batches that wait.
func (r *bulkRun) settle() {
	waiting := r.splits.waiting
	r.splits.waiting = nil
	for _, c := range waiting {
		r.engine.fail(c)
	}
}
