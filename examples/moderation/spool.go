package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
)

// maxSpoolMemory is how many bytes of a spool are kept in memory; a longer one is a temporary file.
const maxSpoolMemory = 4 << 20

// spool keeps lines that have passed the judge, so that what is sent is what was judged, whatever becomes of the file.
type spool struct {
	count  int
	hash   hash.Hash
	memory bytes.Buffer
	file   *os.File
	writer *bufio.Writer // to file
	named  bool          // the file is still in its folder
}

func newSpool() *spool { return &spool{hash: sha256.New()} }

// add appends a line, which holds no line end.
func (s *spool) add(text string) error {
	s.count++
	text += "\n"
	_, _ = io.WriteString(s.hash, text)
	if s.file == nil && s.memory.Len()+len(text) < maxSpoolMemory {
		s.memory.WriteString(text)
		return nil
	}
	if s.file == nil {
		if err := s.spill(); err != nil {
			return spoolError(err)
		}
	}
	_, err := s.writer.WriteString(text)
	return spoolError(err)
}

// spill moves the lines to a temporary file.
func (s *spool) spill() error {
	file, err := os.CreateTemp("", "moderation-*.ids")
	if err != nil {
		return err
	}
	s.file, s.writer = file, bufio.NewWriterSize(file, 1<<16)
	s.named = os.Remove(file.Name()) != nil // removed at once, so that nothing remains if the program is killed; Windows refuses
	_, err = s.memory.WriteTo(s.writer)
	s.memory = bytes.Buffer{}
	return err
}

// lines yields the lines in their order. It can be ranged over again, but only once at a time.
func (s *spool) lines() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		content, err := s.content()
		if err != nil {
			yield("", spoolError(err))
			return
		}
		scanner := bufio.NewScanner(content)
		for scanner.Scan() {
			if !yield(scanner.Text(), nil) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield("", spoolError(err))
		}
	}
}

func (s *spool) content() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes()), nil
	}
	if err := s.writer.Flush(); err != nil {
		return nil, err
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

// checksum identifies the lines and their order.
func (s *spool) checksum() string { return fmt.Sprintf("%x", s.hash.Sum(nil)[:8]) }

func (s *spool) close() {
	if s.file == nil {
		return
	}
	_ = s.file.Close()
	if s.named {
		_ = os.Remove(s.file.Name())
	}
}

func spoolError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keeping the ids in a temporary file (TMPDIR names its folder): %w", err)
}
