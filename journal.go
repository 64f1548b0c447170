package rcuser

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
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
	// Done reports whether the id at a position of the stream, counted from 0, was recorded. It is asked for every
	// position in turn. An error, which ends the work, says that another id was recorded there: the stream is another.
	Done(position int, id string) (bool, error)
	// Record notes that the ids at the positions from first on are done. An error ends the work.
	Record(first int, ids []string) error
}

// record notes the ids of a batch as ranges.
func record(j Journal, b bulkBatch) error {
	idAt := map[int]string{}
	for _, id := range b.ids {
		for _, position := range b.at[id] {
			idAt[position] = id
		}
	}
	positions := slices.Sorted(maps.Keys(idAt))
	for len(positions) > 0 {
		first := positions[0]
		var ids []string
		for len(positions) > 0 && positions[0] == first+len(ids) {
			ids = append(ids, idAt[positions[0]])
			positions = positions[1:]
		}
		if err := j.Record(first, ids); err != nil {
			return err
		}
	}
	return nil
}

// FileJournal is a [Journal] in a file that only grows by lines. What is in memory doesn't grow with what is done, but
// with the number of gaps in it. It knows the first and the last id of each gapless piece by a checksum, so that a
// stream which has lost or got ids since is found out before anything further is sent; ids that changed places within a
// piece aren't. It is for one process at a time.
type FileJournal struct {
	mu   sync.Mutex
	file *os.File
	work string
	done pieces
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
func (j *FileJournal) Done(position int, id string) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, found := j.done.find(position)
	if !found {
		return false, nil
	}
	if p := j.done[at]; position == p.first && checksum(id) != p.firstSum || position == p.last && checksum(id) != p.lastSum {
		return false, fmt.Errorf("the id at position %d is not the one that was recorded: the ids are others, or in another order", position)
	}
	return true, nil
}

// Record implements [Journal].
func (j *FileJournal) Record(first int, ids []string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := piece{first, first + len(ids) - 1, checksum(ids[0]), checksum(ids[len(ids)-1])}
	if err := j.write(fmt.Sprintf("done %d %d %08x %08x", p.first, p.last, p.firstSum, p.lastSum)); err != nil {
		return err
	}
	j.done.add(p)
	return nil
}

func checksum(text string) uint32 { return crc32.ChecksumIEEE([]byte(text)) }

// write appends a line in one write, with a checksum that tells whether it is whole.
func (j *FileJournal) write(line string) error {
	_, err := fmt.Fprintf(j.file, "%s %08x\n", line, checksum(line))
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
	if !found || fmt.Sprintf("%08x", checksum(text)) != sum {
		return false
	}
	if quoted, isWork := strings.CutPrefix(text, "work "); isWork {
		work, err := strconv.Unquote(quoted)
		j.work = work
		return err == nil
	}
	var p piece
	_, err := fmt.Sscanf(text, "done %d %d %x %x", &p.first, &p.last, &p.firstSum, &p.lastSum)
	if err != nil || p.first < 0 || p.last < p.first {
		return false
	}
	j.done.add(p)
	return true
}

func cutLast(line string) (before, after string, found bool) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return "", "", false
	}
	return line[:at], line[at+1:], true
}

// piece is a range of positions without a gap, and the checksums of the ids at its ends.
type piece struct {
	first, last       int
	firstSum, lastSum uint32
}

// pieces are in order, and don't touch.
type pieces []piece

// find returns where the piece with a position is.
func (all pieces) find(position int) (int, bool) {
	return slices.BinarySearchFunc(all, position, func(p piece, position int) int {
		switch {
		case p.last < position:
			return -1
		case p.first > position:
			return 1
		}
		return 0
	})
}

// add merges the pieces that touch.
func (all *pieces) add(added piece) {
	start, _ := slices.BinarySearchFunc(*all, added.first, func(p piece, first int) int { return cmp.Compare(p.last+1, first) })
	end := start
	for ; end < len(*all) && (*all)[end].first <= added.last+1; end++ {
		if p := (*all)[end]; p.first < added.first {
			added.first, added.firstSum = p.first, p.firstSum
		}
		if p := (*all)[end]; p.last > added.last {
			added.last, added.lastSum = p.last, p.lastSum
		}
	}
	*all = slices.Replace(*all, start, end, added)
}
