package rcuser

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/gofrs/flock"
)

// FileJournal is a [Journal] in a text file to which lines are appended: the first names the work, each further one has the
// number of ids of a run, and hashes of them. Lines aren't synced to the disk: if the last ones are lost in a crash, their
// ids are sent again. Memory has 24 bytes for each run that was in the file at Begin, and nothing for later ones.
type FileJournal struct {
	mu   sync.Mutex
	file *os.File
	lock *flock.Flock
	size int64       // of the intact lines; the next one is written there
	work string      // as the first line names it; only if size > 0
	torn []byte      // what the file has of a first line without its end; only if size is 0
	runs journalRuns // those that were in the file at Begin
	buf  []byte
	err  error // why the journal can't be used any more
}

var errJournalClosed = errors.New("the journal is closed")

// OpenJournal opens a journal file, or creates it; an empty file is a new journal. If its last line has no end, as after a
// crash, that line is cut off. Any other file that isn't a journal, such as one with a damaged line, of an older version
// or a device, is an error and stays as it is.
//
// The file is locked until Close or until the process ends, however it does: opening it a second time meanwhile is an
// error, under another name or in another process too. On Windows, whose locks would keep others from reading, a second
// file beside it is locked, so that hard links aren't noticed; its name ends in .lock, and it may be deleted while no process
// uses the journal. Locks on network file systems are only as good as these file systems are.
func OpenJournal(path string) (*FileJournal, error) {
	j, err := openJournal(path)
	if err != nil {
		return nil, fmt.Errorf("rcuser: journal %s: %w", path, err)
	}
	return j, nil
}

func openJournal(path string) (*FileJournal, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // opening a pipe could block
		return nil, fmt.Errorf("it isn't a regular file: %s", info.Mode())
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller chooses it
	if err != nil {
		return nil, err
	}
	j := &FileJournal{file: file}
	if j.lock, err = lockJournal(file); err == nil {
		if err = j.load(); err == nil {
			return j, nil
		}
		_ = j.lock.Close()
	}
	_ = file.Close()
	return nil, err
}

// Close ends the use of the journal and lets others open it. A second Close does nothing.
func (j *FileJournal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if errors.Is(j.err, errJournalClosed) {
		return nil
	}
	j.err, j.runs = j.fail(errJournalClosed), nil
	return errors.Join(j.file.Close(), j.lock.Close())
}

// Begin implements [Journal]. From then on the ids that earlier calls recorded with this journal count as done, those of
// this process too. An error leaves the journal as it was.
func (j *FileJournal) Begin(work string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if j.size == 0 {
		return j.create(work)
	}
	if work != j.work {
		return j.fail(fmt.Errorf("it belongs to other work: %s, not %s", j.work, work))
	}
	return j.reload()
}

// create writes the first line. What an earlier process wrote of it must be the beginning of the same line.
func (j *FileJournal) create(work string) error {
	line := appendWork(nil, work)
	switch {
	case len(line) > maxJournalLine:
		return j.fail(fmt.Errorf("the name of the work has %d bytes, which is too long", len(work)))
	case !bytes.HasPrefix(line, j.torn):
		return j.fail(fmt.Errorf("it belongs to other work: it begins with %q", truncate(string(j.torn), 100)))
	}
	if err := j.append(line); err != nil {
		return err
	}
	j.work, j.torn = work, nil
	return nil
}

// Recorded implements [Journal].
func (j *FileJournal) Recorded(id string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.runs) == 0 {
		return 0
	}
	begin := j.runs.beginWith(hashOfID(id))
	if len(begin) == 0 {
		return 0
	}
	return int(begin[len(begin)-1].count)
}

// Done implements [Journal].
func (j *FileJournal) Done(ids []string) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return false, j.err
	}
	if len(ids) == 0 || len(ids) > maxRun {
		return false, nil
	}
	run := j.runOf(ids)
	return slices.Contains(j.runs.beginWith(run.first), run), nil
}

// Record implements [Journal]. If the line can't be written, what was written of it is removed, and a later Record may
// succeed. If it can't be removed either, the journal can't be used any more.
func (j *FileJournal) Record(ids []string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.err != nil:
		return j.err
	case j.size == 0:
		return j.fail(errors.New("Record was called before Begin"))
	case len(ids) == 0 || len(ids) > maxRun:
		return j.fail(fmt.Errorf("%d ids can't be one run, but 1 to %d", len(ids), maxRun))
	}
	run := j.runOf(ids)
	j.buf = appendRun(j.buf[:0], run)
	return j.append(j.buf)
}

func (j *FileJournal) runOf(ids []string) (run journalRun) {
	run, j.buf = newJournalRun(ids, j.buf)
	return run
}

// append writes a line at the end of the intact ones.
func (j *FileJournal) append(line []byte) error {
	_, err := j.file.WriteAt(line, j.size)
	if err == nil {
		j.size += int64(len(line))
		return nil
	}
	if cutErr := j.file.Truncate(j.size); cutErr != nil {
		err = fmt.Errorf("it can't be used any more: part of a line can't be removed: %w", errors.Join(err, cutErr))
		j.err = j.fail(err)
	}
	return j.fail(err)
}

// fail adds the name of the file to an error.
func (j *FileJournal) fail(err error) error {
	return fmt.Errorf("%s: %w", j.file.Name(), err)
}

// load reads the file when it was opened, and cuts off a last line without an end. It leaves a first line without an end
// to Begin, which knows what that line is to be.
func (j *FileJournal) load() error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	content, err := readJournal(j.file, info.Size())
	if err != nil {
		return err
	}
	j.size, j.work, j.runs = content.size, content.work, content.runs
	if j.size > 0 && j.size < info.Size() {
		return j.file.Truncate(j.size)
	}
	if j.size == 0 {
		j.torn, err = readTorn(j.file, info.Size())
	}
	return err
}

// reload reads the runs once more, as earlier calls of this process may have added some.
func (j *FileJournal) reload() error {
	j.runs = nil // so that memory never holds them twice
	content, err := readJournal(j.file, j.size)
	if err == nil && (content.size != j.size || content.work != j.work) {
		err = errors.New("it was changed while it was open")
	}
	if err != nil {
		return j.fail(err)
	}
	j.runs = content.runs
	return nil
}

// lockJournal locks an open file, or on Windows the file beside it.
func lockJournal(file *os.File) (*flock.Flock, error) {
	path, flag, beside := file.Name(), os.O_RDWR, runtime.GOOS == "windows"
	if beside {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, err
		}
		path, flag = target+".lock", os.O_RDWR|os.O_CREATE
	}
	lock := flock.New(path, flock.SetFlag(flag))
	locked, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("it can't be locked: %w", err)
	case !locked:
		return nil, errors.New("it is in use: another process, or another part of this one, has opened it")
	case !beside && !sameFile(file, lock):
		_ = lock.Close()
		return nil, errors.New("it was replaced while it was opened")
	}
	return lock, nil
}

func sameFile(file *os.File, lock *flock.Flock) bool {
	opened, err := file.Stat()
	locked, lockErr := lock.Stat()
	return err == nil && lockErr == nil && os.SameFile(opened, locked)
}
