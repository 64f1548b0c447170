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

// Journal remembers which ids of a stream are done, so that bulk work that was cut off can be resumed: the same call,
// with the same ids in the same order and the same journal, then does only the rest. Ids that failed, or whose outcome
// is unknown, are not done. [OpenJournal] opens one in a file; an implementation of one's own is safe for concurrent use.
type Journal interface {
	// Begin is called first, with a text that says what is done and with which parameters. It returns an error if the
	// journal is of other work.
	Begin(work string) error
	// Done reports whether the id at a position of the stream, counted from 0, was recorded.
	Done(position int) bool
	// Record notes that the ids at the positions from first to last are done. An error ends the work.
	Record(first, last int) error
}

// record notes positions as ranges.
func record(j Journal, positions []int) error {
	slices.Sort(positions)
	for len(positions) > 0 {
		n := 1
		for n < len(positions) && positions[n] == positions[0]+n {
			n++
		}
		if err := j.Record(positions[0], positions[n-1]); err != nil {
			return err
		}
		positions = positions[n:]
	}
	return nil
}

// FileJournal is a [Journal] in a file that only grows by lines. What is in memory doesn't grow with what is done, but
// with the number of gaps in it. It is for one process at a time.
type FileJournal struct {
	mu   sync.Mutex
	file *os.File
	work string
	done ranges
}

// OpenJournal opens a journal, or makes one. A last line that was cut off in the middle of writing is dropped: the ids
// that it was about are sent again, which is harmless. Lines aren't forced to the disk for the same reason. A file that
// is no journal is an error, and is left as it is.
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
func (j *FileJournal) Done(position int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.done.has(position)
}

// Record implements [Journal].
func (j *FileJournal) Record(first, last int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(fmt.Sprintf("done %d %d", first, last)); err != nil {
		return err
	}
	j.done.add(first, last)
	return nil
}

// write appends a line in one write, with a checksum that tells whether it is whole.
func (j *FileJournal) write(line string) error {
	_, err := fmt.Fprintf(j.file, "%s %08x\n", line, crc32.ChecksumIEEE([]byte(line)))
	return err
}

const firstLine = "work "

// load reads the lines, and cuts off the rest of one that wasn't written whole.
func (j *FileJournal) load() error {
	reader := bufio.NewReader(j.file)
	var size int64
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		whole := err == nil
		if whole && !j.apply(line) {
			return fmt.Errorf("line %d is not a journal's", number)
		}
		if !whole {
			if start := line[:min(len(line), len(firstLine))]; number == 1 && !strings.HasPrefix(firstLine, string(start)) {
				return errors.New("line 1 is not a journal's")
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

// apply takes a line, and reports whether it is one.
func (j *FileJournal) apply(line []byte) bool {
	text, sum, found := cutLast(strings.TrimSuffix(string(line), "\n"))
	if !found || fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) != sum {
		return false
	}
	if quoted, isWork := strings.CutPrefix(text, "work "); isWork {
		work, err := strconv.Unquote(quoted)
		j.work = work
		return err == nil
	}
	var first, last int
	if n, err := fmt.Sscanf(text, "done %d %d", &first, &last); n != 2 || err != nil || first < 0 || last < first {
		return false
	}
	j.done.add(first, last)
	return true
}

func cutLast(line string) (before, after string, found bool) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return "", "", false
	}
	return line[:at], line[at+1:], true
}

// ranges is a set of numbers as its gapless pieces, in order.
type ranges []struct{ first, last int }

func (r ranges) has(n int) bool {
	_, found := slices.BinarySearchFunc(r, n, func(piece struct{ first, last int }, n int) int {
		switch {
		case piece.last < n:
			return -1
		case piece.first > n:
			return 1
		}
		return 0
	})
	return found
}

// add merges the pieces that touch.
func (r *ranges) add(first, last int) {
	start, _ := slices.BinarySearchFunc(*r, first, func(piece struct{ first, last int }, n int) int {
		return cmp.Compare(piece.last+1, n)
	})
	end := start
	for end < len(*r) && (*r)[end].first <= last+1 {
		first, last = min(first, (*r)[end].first), max(last, (*r)[end].last)
		end++
	}
	*r = slices.Replace(*r, start, end, struct{ first, last int }{first, last})
}
