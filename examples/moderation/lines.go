package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"strings"
)

// maxLine is how much of a line is kept. A line of a list that this program printed is shorter.
const maxLine = 4096

// line is a line of an input without its end.
type line struct {
	number int // from 1
	text   string
	cut    bool // it was longer than maxLine
}

// readLines yields the lines of an input, and then the error that ended it early, if any. Memory doesn't grow with the
// length of a line.
func readLines(r *bufio.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		for number := 1; ; number++ {
			text, cut, err := readLine(r)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(line{number: number}, err)
				return
			}
			if err == nil || text != "" {
				if !yield(line{number, text, cut}, nil) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// readLine returns the next line without its end, or an error and what was read before it.
func readLine(r *bufio.Reader) (text string, cut bool, err error) {
	kept, err := r.ReadSlice('\n')
	text = string(kept)
	for errors.Is(err, bufio.ErrBufferFull) {
		cut = true
		_, err = r.ReadSlice('\n')
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), cut, err
}

// fileKinds are the first bytes of files that aren't lines of text, and what to do with them.
var fileKinds = []struct{ begin, advice string }{
	{"\x1f\x8b", "this is gzip: gunzip it first"},
	{"PK\x03\x04", "this is a zip archive or a spreadsheet: unzip it first, or export the column of ids as text"},
	{"PK\x05\x06", "this is an empty zip archive"},
	{"BZh", "this is bzip2: bunzip2 it first"},
	{"\xfd7zXZ\x00", "this is xz: unxz it first"},
	{"\x28\xb5\x2f\xfd", "this is zstd: unzstd it first"},
	{"7z\xbc\xaf\x27\x1c", "this is a 7z archive: unpack it first"},
	{"\xd0\xcf\x11\xe0", "this is a spreadsheet or another Office document: export the column of ids as text"},
	{"%PDF-", "this is a PDF: write the ids into a text file"},
	{"SQLite format 3\x00", "this is an SQLite database: select the ids into a text file"},
	{"\xff\xfe", "this is UTF-16: convert it with iconv -f UTF-16 -t UTF-8"},
	{"\xfe\xff", "this is UTF-16: convert it with iconv -f UTF-16 -t UTF-8"},
	{"\x00\x00\xfe\xff", "this is UTF-32: convert it with iconv -f UTF-32 -t UTF-8"},
}

// fileAdvice recognises an input that isn't lines of text by its first bytes. It returns "" for any other.
func fileAdvice(r *bufio.Reader) string {
	for _, kind := range fileKinds {
		begin, _ := r.Peek(len(kind.begin)) // an error comes again with the lines
		if string(begin) == kind.begin {
			return kind.advice
		}
	}
	return ""
}

// skipBOM skips a UTF-8 byte order mark.
func skipBOM(r *bufio.Reader) {
	if begin, _ := r.Peek(3); bytes.Equal(begin, []byte("\ufeff")) {
		_, _ = r.Discard(len(begin))
	}
}

// errFileChanged says that a file was written to while it was read: its last line may be half an id.
var errFileChanged = errors.New("it was changed while it was read: wait until it is complete")

// readFile copies the file at a path.
func readFile(w io.Writer, path string) error {
	file, err := os.Open(path) //nolint:gosec // the user chooses the path
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return copyFile(w, file)
}

// copyFile copies an open file, and notices if a regular one is written to meanwhile.
func copyFile(w io.Writer, file *os.File) error {
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, file); err != nil {
		return err
	}
	after, err := file.Stat()
	if err == nil && before.Mode().IsRegular() && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		return errFileChanged
	}
	return err
}

// readUntilDone returns what read writes, and the error of ctx as soon as ctx ends, even while read is blocked: in opening a
// named pipe, or in waiting for a terminal. The goroutine of a read that blocks for ever remains until the program ends.
func readUntilDone(ctx context.Context, read func(io.Writer) error) (r io.Reader, stop func()) {
	out, in := io.Pipe()
	go func() { _ = in.CloseWithError(read(in)) }() // nil is io.EOF
	detach := context.AfterFunc(ctx, func() { _ = in.CloseWithError(ctx.Err()) })
	return out, func() {
		detach()
		_ = out.Close()
	}
}
