package rctest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// maxRecordBytes is more than the longest user that Export writes: two full lists, 10,000 operations.
const maxRecordBytes = 4 << 20

// Import replaces the state of the service by one that [Server.Export] wrote: see there for what it includes. Tokens that
// the exporting server issued are valid here. What was to come still comes: bans end, deactivations finish, and their
// results are posted to this server's webhook. Time has gone on since the export; what was due meanwhile happens at once.
//
// The whole input is checked first. If it isn't what Export writes, the error says where and why, and nothing is
// changed. A user may take 4 MiB of it; all users together may be as many as memory allows, in addition to the present
// ones. This server's options, key and secret, requests, faults and deliveries stay, as do events that wait to be
// posted. The options don't limit what is imported: in the development environment there may be more than 100 users
// afterwards.
func (s *Server) Import(r io.Reader) error {
	im := newImporter(r)
	offset, err := im.read()
	if err != nil {
		return fmt.Errorf("rctest: Import: %w", err)
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.replaceStore(im.store, offset)
	return nil
}

// importer builds a store from an export.
type importer struct {
	source        *meteredReader
	decoder       *json.Decoder
	record        json.RawMessage // of the latest user
	header        exportHeader
	store         *store
	lastSession   uint64 // the highest number of any user
	deactivations []deactivationEntry
}

func newImporter(r io.Reader) *importer {
	source := &meteredReader{reader: r}
	return &importer{source: source, decoder: json.NewDecoder(source), store: newStore()}
}

// read returns the offset of the clock.
func (im *importer) read() (time.Duration, error) {
	if err := im.readObject(); err != nil {
		return 0, err
	}
	if err := im.checkVersion(true, true); err != nil {
		return 0, err
	}
	offset, err := time.ParseDuration(im.header.ClockOffset)
	switch {
	case err != nil || offset < 0:
		return 0, errors.New("clockOffset is not a duration from 0")
	case len(im.header.TokenKey) != tokenKeyBytes:
		return 0, fmt.Errorf("tokenKey doesn't have %d bytes", tokenKeyBytes)
	case im.header.Sessions > maxCount || im.lastSession > im.header.Sessions:
		return 0, errors.New("sessions is not between the highest session of a user and 2^53")
	}
	copy(im.store.tokenKey[:], im.header.TokenKey)
	im.store.sessions = im.header.Sessions
	return offset, im.addDeactivations()
}

func (im *importer) readObject() error {
	if err := im.readDelimiter('{'); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for im.more() {
		token, err := im.decoder.Token()
		if err != nil {
			return im.syntaxError(err)
		}
		name, _ := token.(string) // a name: the decoder has checked it
		if seen[name] {
			return fmt.Errorf("the field %q is given twice", name)
		}
		seen[name] = true
		if err := im.readField(name); err != nil {
			return err
		}
		if err := im.checkVersion(seen["format"], seen["version"]); err != nil {
			return err
		}
	}
	if err := im.readEnd(); err != nil {
		return err
	}
	if !seen["users"] {
		return errors.New("the field users is missing")
	}
	return nil
}

func (im *importer) readEnd() error {
	if err := im.readDelimiter('}'); err != nil {
		return err
	}
	im.source.left = maxRecordBytes
	_, err := im.decoder.Token()
	switch failed := im.source.err; {
	case errors.Is(err, io.EOF):
		return nil
	case failed != nil && !errors.Is(failed, io.EOF) && !errors.Is(failed, errTooLarge):
		return im.syntaxError(failed) // such as a wrong checksum of a compressed file
	}
	return errors.New("there is more after the end of the export")
}

func (im *importer) readField(name string) error {
	fields := map[string]any{
		"format": &im.header.Format, "version": &im.header.Version, "clockOffset": &im.header.ClockOffset,
		"tokenKey": &im.header.TokenKey, "sessions": &im.header.Sessions,
	}
	switch field, known := fields[name]; {
	case known:
		im.source.left = maxRecordBytes
		if err := im.decoder.Decode(field); err != nil {
			return fmt.Errorf("%s: %w", name, im.syntaxError(err))
		}
		return nil
	case name == "users":
		return im.readUsers()
	default:
		return fmt.Errorf("the field %.80q is unknown", name)
	}
}

// checkVersion checks the fields that have been read.
func (im *importer) checkVersion(format, version bool) error {
	switch {
	case format && im.header.Format != exportFormat:
		return fmt.Errorf("the format is %.80q, not %q", im.header.Format, exportFormat)
	case version && im.header.Version != exportVersion:
		return fmt.Errorf("the export has version %d; only version %d can be read", im.header.Version, exportVersion)
	}
	return nil
}

func (im *importer) readUsers() error {
	if err := im.readDelimiter('['); err != nil {
		return err
	}
	for number := 1; im.more(); number++ {
		if err := im.decoder.Decode(&im.record); err != nil {
			return fmt.Errorf("user %d: %w", number, im.syntaxError(err))
		}
		var r userRecord
		err := decodeRecord(im.record, &r)
		if err == nil {
			err = im.add(&r)
		}
		if err != nil {
			return fmt.Errorf("user %d (%.80q): %w", number, r.ID, err)
		}
	}
	return im.readDelimiter(']')
}

// decodeRecord accepts only names that Export writes, each once, and valid UTF-8.
func decodeRecord(raw json.RawMessage, r *userRecord) error {
	if !utf8.Valid(raw) {
		return errors.New("it is not UTF-8")
	}
	if err := json.Unmarshal(raw, r); err != nil {
		return err
	}
	return checkNames(raw)
}

// add adds a user to the store.
func (im *importer) add(r *userRecord) error {
	if err := r.check(); err != nil {
		return err
	}
	if im.store.find(r.ID) != nil {
		return errors.New("the id is given twice")
	}
	a := im.store.findOrCreate(r.ID)
	r.restore(im.store, a)
	im.lastSession = max(im.lastSession, r.Session)
	if a.deactivated() {
		im.deactivations = append(im.deactivations, a.deactivationEntry())
	}
	return nil
}

// addDeactivations adds the entries of all deactivated users to the store.
func (im *importer) addDeactivations() error {
	slices.SortFunc(im.deactivations, compareOrders)
	for i, e := range im.deactivations {
		if i > 0 && im.deactivations[i-1].order == e.order {
			return fmt.Errorf("the users %q and %q: their deactivations have the same order", im.deactivations[i-1].account.id(), e.account.id())
		}
		im.store.deactivated.insert(e)
		if len(e.account.rare.deactivation.operations) > 0 {
			im.store.unfinished.insert(e)
		}
	}
	return nil
}

func (im *importer) more() bool {
	im.source.left = maxRecordBytes
	return im.decoder.More()
}

func (im *importer) readDelimiter(want json.Delim) error {
	im.source.left = maxRecordBytes
	token, err := im.decoder.Token()
	switch {
	case err != nil:
		return im.syntaxError(err)
	case token != want:
		return fmt.Errorf("byte %d: there is no %v", im.decoder.InputOffset(), want)
	}
	return nil
}

// syntaxError says where the decoder found an error.
func (im *importer) syntaxError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the input ends before the export does")
	}
	return fmt.Errorf("byte %d: %w", im.decoder.InputOffset(), err)
}

// meteredReader fails once more than left bytes are read, so that one value can't take all memory. It repeats its error:
// a decoder that looks for more values drops the first one.
type meteredReader struct {
	reader io.Reader
	left   int
	err    error
}

var errTooLarge = fmt.Errorf("a user or another field is longer than %d bytes", maxRecordBytes)

func (m *meteredReader) Read(p []byte) (n int, err error) {
	switch {
	case m.err != nil:
	case m.left == 0:
		m.err = errTooLarge
	default:
		n, m.err = m.reader.Read(p[:min(len(p), m.left)])
		m.left -= n
	}
	return n, m.err
}
