package rcuser

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Journal records which ids of a stream are done, so that interrupted bulk work can be resumed: the same call, with the
// same ids in the same order and the same journal, then sends only the rest. Ids that failed or whose outcome is unknown
// aren't done. [OpenJournal] returns one that keeps a file; other implementations must be safe for concurrent use.
type Journal interface {
	// Begin is called once, before anything else, with a text that names the work and its parameters. It returns an
	// error if the journal belongs to other work.
	Begin(work string) error
	// Done reports whether the id at a position of the stream, counted from 0, was recorded. It is called for every
	// position, in order. If another id was recorded there, it returns an error, which ends the work: the stream isn't
	// the one that the journal was written for.
	Done(position int, id string) (bool, error)
	// Record records as done the ids at consecutive positions, beginning with first. An error ends the work.
	Record(first int, ids []string) error
}

// record calls Record for each range of consecutive positions. positions belong to ids, and ascend.
func record(j Journal, ids []string, positions []int) error {
	for len(ids) > 0 {
		n := 1
		for n < len(ids) && positions[n] == positions[0]+n {
			n++
		}
		if err := j.Record(positions[0], ids[:n:n]); err != nil {
			return err
		}
		ids, positions = ids[n:], positions[n:]
	}
	return nil
}

// FileJournal is a [Journal] in a file to which lines are appended. Its memory grows with the number of gaps between the
// ids that are done, not with the number of ids. It keeps checksums of the first and the last id of each range without a
// gap. If other ids stand at these positions when the work is resumed, the work ends before anything is sent there; ids
// that changed between the two ends aren't noticed. Only one process may use a file at a time.
type FileJournal struct {
	mu   sync.Mutex
	file *os.File
	work string
	done journalRanges
}

// OpenJournal opens a journal file, or creates it. If its last line was written only in part, that line is removed and
// the ids that it was about are sent again, which is harmless; for the same reason, lines aren't synced to the disk. A
// file that isn't a journal is an error and stays unchanged.
func OpenJournal(path string) (*FileJournal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller chooses it
	if err != nil {
		return nil, fmt.Errorf("rcuser: journal: %w", err)
	}
	j := &FileJournal{file: file}
	if err := j.load(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("rcuser: journal %s: %w", path, err)
	}
	return j, nil
}

// Close closes the file.
func (j *FileJournal) Close() error { return j.file.Close() }

// Begin implements [Journal].
func (j *FileJournal) Begin(work string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.work == "" {
		j.work = work
		return j.write("work " + strconv.Quote(work))
	}
	if j.work != work {
		return fmt.Errorf("it is of other work: %s, not %s", j.work, work)
	}
	return nil
}

// Done implements [Journal].
func (j *FileJournal) Done(position int, id string) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, found := j.done.find(position)
	if !found {
		return false, nil
	}
	if r := j.done[at]; position == r.first && checksum(id) != r.firstSum || position == r.last && checksum(id) != r.lastSum {
		return false, fmt.Errorf("the id at position %d is not the one that was recorded: the ids or their order have changed", position)
	}
	return true, nil
}

// Record implements [Journal].
func (j *FileJournal) Record(first int, ids []string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := journalRange{first, first + len(ids) - 1, checksum(ids[0]), checksum(ids[len(ids)-1])}
	if err := j.write(fmt.Sprintf("done %d %d %08x %08x", r.first, r.last, r.firstSum, r.lastSum)); err != nil {
		return err
	}
	j.done.add(r)
	return nil
}

func checksum(text string) uint32 { return crc32.ChecksumIEEE([]byte(text)) }

// write appends a line with its checksum, in a single write.
func (j *FileJournal) write(line string) error {
	_, err := fmt.Fprintf(j.file, "%s %08x\n", line, checksum(line))
	return err
}

const firstLine = "work "

// load reads the lines, and truncates the file after the last complete one.
func (j *FileJournal) load() error {
	reader := bufio.NewReader(j.file)
	var size int64
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		complete := err == nil
		if complete && !j.parse(line) {
			return fmt.Errorf("line %d is not a journal entry", number)
		}
		if !complete {
			if start := line[:min(len(line), len(firstLine))]; number == 1 && !strings.HasPrefix(firstLine, string(start)) {
				return errors.New("line 1 is not a journal entry")
			}
			break
		}
		size += int64(len(line))
	}
	if err := j.file.Truncate(size); err != nil {
		return err
	}
	_, err := j.file.Seek(size, io.SeekStart)
	return err
}

// parse adds what a line says, and reports whether it is valid.
func (j *FileJournal) parse(line []byte) bool {
	text, sum, found := cutLastField(strings.TrimSuffix(string(line), "\n"))
	if !found || fmt.Sprintf("%08x", checksum(text)) != sum {
		return false
	}
	if quoted, isWork := strings.CutPrefix(text, "work "); isWork {
		work, err := strconv.Unquote(quoted)
		j.work = work
		return err == nil
	}
	var r journalRange
	_, err := fmt.Sscanf(text, "done %d %d %x %x", &r.first, &r.last, &r.firstSum, &r.lastSum)
	if err != nil || r.first < 0 || r.last < r.first {
		return false
	}
	j.done.add(r)
	return true
}

func cutLastField(line string) (before, after string, found bool) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return "", "", false
	}
	return line[:at], line[at+1:], true
}

// journalRange is a range of consecutive positions, and the checksums of the ids at its ends.
type journalRange struct {
	first, last       int
	firstSum, lastSum uint32
}

// journalRanges are in ascending order, with a gap between one and the next.
type journalRanges []journalRange

// find returns the index of the range that includes a position.
func (all journalRanges) find(position int) (int, bool) {
	return slices.BinarySearchFunc(all, position, func(r journalRange, position int) int {
		switch {
		case r.last < position:
			return -1
		case r.first > position:
			return 1
		}
		return 0
	})
}

// add adds a range, and merges it with those that it overlaps or adjoins.
func (all *journalRanges) add(added journalRange) {
	start, _ := slices.BinarySearchFunc(*all, added.first, func(r journalRange, first int) int { return cmp.Compare(r.last+1, first) })
	end := start
	for ; end < len(*all) && (*all)[end].first <= added.last+1; end++ {
		if r := (*all)[end]; r.first < added.first {
			added.first, added.firstSum = r.first, r.firstSum
		}
		if r := (*all)[end]; r.last > added.last {
			added.last, added.lastSum = r.last, r.lastSum
		}
	}
	*all = slices.Replace(*all, start, end, added)
}
