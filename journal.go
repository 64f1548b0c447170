package rcuser

// Journal records which ids of a stream are done, so that interrupted bulk work can be resumed: the same call with the
// same journal then sends only the rest. Ids that failed or whose outcome is unknown aren't done.
//
// It records runs: ids that followed one another in the stream, without their positions. If ids were inserted, removed or
// reordered since, some are sent again, but none is skipped that wasn't confirmed. With a journal in which everything is
// done, nothing is sent again, however old it is: to do the work once more, begin another one. The Resumed of a
// [BulkReport] says how many ids were done by earlier calls. A journal doesn't know of which app the users are: don't use
// that of one app for another.
//
// [OpenJournal] returns one that keeps a file; other implementations must be safe for concurrent use.
type Journal interface {
	// Begin is called once, before anything else, with a text that names the work and its parameters. It returns an
	// error if the journal belongs to other work. The bulk work then ends before anything is sent.
	Begin(work string) error
	// Recorded returns how many ids the latest of the recorded runs that begin with id has, or 0 if none does.
	Recorded(id string) int
	// Done reports whether exactly these ids, in this order, were recorded by one Record. An error ends the work.
	Done(ids []string) (bool, error)
	// Record records ids that followed one another in the stream and are done, at most 100. An error ends the work.
	Record(ids []string) error
}
