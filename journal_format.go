package rcuser

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A journal is a text file. Its first line names the format's version and the work, as a quoted Go string; each further
// line is one run: how many ids it has, a hash of the first one, and a digest of all. Every line ends with the CRC-32 of
// the text before it.
//
//	rcuser-journal 2 "ban 1h0m0s" 8b1c0d3e
//	20 0123456789abcdef 0123456789abcdef0123456789abcd 6f2a90c4
const (
	journalName    = "rcuser-journal "
	journalStart   = journalName + `2 "`
	maxJournalLine = 4096 // bytes of the first line
	minRunLine     = 59   // bytes of the shortest line of a run
	maxRun         = 100  // ids
	maxTornEnd     = 1 << 20
)

var errNotJournal = errors.New("it isn't a journal, or its first line is damaged")

// journalRun is a run as the file has it. It is small, as work for 10,000,000 users may have 500,000.
type journalRun struct {
	first  uint64   // hash of the first id
	count  uint8    // of ids
	digest [15]byte // of all ids
}

// newJournalRun uses the memory of buf, and returns it for the next one.
func newJournalRun(ids []string, buf []byte) (journalRun, []byte) {
	buf = buf[:0]
	for _, id := range ids {
		buf = binary.AppendUvarint(buf, uint64(len(id))) // so that no other ids have the same bytes
		buf = append(buf, id...)
	}
	sum := sha256.Sum256(buf)
	return journalRun{hashOfID(ids[0]), uint8(len(ids)), [15]byte(sum[:])}, buf //nolint:gosec // at most maxRun
}

func hashOfID(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(sum[:])
}

// journalRuns are in ascending order of their first ids' hashes, and those with equal ones in the order of the file.
type journalRuns []journalRun

func (all journalRuns) sort() {
	slices.SortStableFunc(all, func(a, b journalRun) int { return cmp.Compare(a.first, b.first) })
}

// beginWith returns the runs whose first id has this hash.
func (all journalRuns) beginWith(first uint64) journalRuns {
	start, _ := slices.BinarySearchFunc(all, first, func(r journalRun, first uint64) int { return cmp.Compare(r.first, first) })
	end := start
	for end < len(all) && all[end].first == first {
		end++
	}
	return all[start:end]
}

// journalContent is what a journal file has.
type journalContent struct {
	work string
	runs journalRuns
	size int64 // of the complete lines
}

// readJournal reads the first size bytes of a journal. What follows the last line break isn't looked at.
func readJournal(file io.ReaderAt, size int64) (content journalContent, err error) {
	content.size, err = eachLine(io.NewSectionReader(file, 0, size), func(number int, line []byte) (err error) {
		if number == 1 {
			content.work, err = parseWork(line)
			content.runs = make(journalRuns, 0, min(size/minRunLine, 1<<20)) // a size may be of any file
			return err
		}
		run, ok := parseRun(line)
		if !ok {
			return fmt.Errorf("line %d is damaged", number)
		}
		content.runs = append(content.runs, run)
		return nil
	})
	content.runs.sort()
	content.runs = slices.Compact(content.runs) // an id that was given again and again has many equal ones
	return content, err
}

// eachLine calls do for each line, numbered from 1, and returns the size of them all. What has no line break isn't a line.
// A line too long for a journal is given as nil.
func eachLine(r io.Reader, do func(number int, line []byte) error) (size int64, err error) {
	reader := bufio.NewReaderSize(r, 16*maxJournalLine)
	for number := 1; ; number++ {
		line, err := reader.ReadSlice('\n')
		for skipped := 0; errors.Is(err, bufio.ErrBufferFull) && number > 1 && skipped < maxTornEnd; skipped += reader.Size() {
			line = nil
			_, err = reader.ReadSlice('\n')
		}
		switch {
		case errors.Is(err, io.EOF):
			return size, nil
		case errors.Is(err, bufio.ErrBufferFull):
			line, err = nil, nil
		}
		if err == nil {
			err = do(number, line)
		}
		if err != nil {
			return 0, err
		}
		size += int64(len(line))
	}
}

// readTorn returns the only line of a file, which has no end. It must be the beginning of a first line.
func readTorn(file io.ReaderAt, size int64) ([]byte, error) {
	line := make([]byte, min(size, maxJournalLine))
	if _, err := file.ReadAt(line, 0); err != nil {
		return nil, err
	}
	start := line[:min(len(line), len(journalStart))]
	if size > maxJournalLine || !strings.HasPrefix(journalStart, string(start)) {
		return nil, errNotJournal
	}
	return line, nil
}

func appendWork(line []byte, work string) []byte {
	return appendChecksum(strconv.AppendQuote(append(line, journalStart[:len(journalStart)-1]...), work))
}

// parseWork returns the work that a first line names.
func parseWork(line []byte) (string, error) {
	text, ok := cutChecksum(line)
	if !ok {
		return "", errNotJournal
	}
	rest, named := strings.CutPrefix(string(text), journalName)
	if strings.HasPrefix(rest, `work "`) { // the first line of version 1
		rest, named = "1", true
	}
	version, quoted, _ := strings.Cut(rest, " ")
	work, err := strconv.Unquote(quoted)
	switch {
	case named && version != "2":
		return "", fmt.Errorf("it is a journal of version %s, and only version 2 can be read", version)
	case !named || err != nil:
		return "", errNotJournal
	}
	return work, nil
}

func appendRun(line []byte, r journalRun) []byte {
	line = append(strconv.AppendUint(line, uint64(r.count), 10), ' ')
	line = append(hex.AppendEncode(line, binary.BigEndian.AppendUint64(nil, r.first)), ' ')
	return appendChecksum(hex.AppendEncode(line, r.digest[:]))
}

func parseRun(line []byte) (r journalRun, ok bool) {
	text, ok := cutChecksum(line)
	if !ok {
		return r, false
	}
	fields := bytes.Fields(text)
	if len(fields) != 3 || len(fields[1]) != 2*8 || len(fields[2]) != 2*len(r.digest) {
		return r, false
	}
	count, err := strconv.ParseUint(string(fields[0]), 10, 8)
	var first [8]byte
	_, firstErr := hex.Decode(first[:], fields[1])
	_, digestErr := hex.Decode(r.digest[:], fields[2])
	r.count, r.first = uint8(count), binary.BigEndian.Uint64(first[:])
	return r, err == nil && firstErr == nil && digestErr == nil && 1 <= count && count <= maxRun
}

const checksumFormat = " %08x\n"

func appendChecksum(line []byte) []byte {
	return fmt.Appendf(line, checksumFormat, crc32.ChecksumIEEE(line))
}

// cutChecksum returns a line without its checksum, if that is right.
func cutChecksum(line []byte) (text []byte, ok bool) {
	var end [len(" 01234567\n")]byte
	if len(line) < len(end) {
		return nil, false
	}
	text = line[:len(line)-len(end)]
	return text, bytes.Equal(fmt.Appendf(end[:0], checksumFormat, crc32.ChecksumIEEE(text)), line[len(text):])
}
