package rctest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// What identifies an export.
const (
	exportFormat  = "rctest"
	exportVersion = 1
)

// exportHeader is an export without its users, which follow in the field users.
type exportHeader struct {
	Format      string `json:"format"`
	Version     int    `json:"version"`
	ClockOffset string `json:"clockOffset"` // what the server's clock was advanced by
	TokenKey    []byte `json:"tokenKey"`
	Sessions    uint64 `json:"sessions"`
}

// userRecord is a user in an export. Users are in the order of their first appearance, which tokens refer to. All times
// are Unix milliseconds.
type userRecord struct {
	ID           string              `json:"id"`
	CreatedAt    int64               `json:"createdAt,omitempty"`
	Name         string              `json:"name,omitempty"`
	PortraitURI  string              `json:"portraitUri,omitempty"`
	Tokens       *tokensRecord       `json:"tokens,omitempty"`
	BannedUntil  int64               `json:"bannedUntil,omitempty"`
	Session      uint64              `json:"session,omitempty"`
	Blocklist    *listRecord         `json:"blocklist,omitempty"`
	Allowlist    *listRecord         `json:"allowlist,omitempty"`
	AllowlistOn  bool                `json:"allowlistOn,omitempty"`
	Deactivation *deactivationRecord `json:"deactivation,omitempty"`
	RefuseCode   string              `json:"refuseCode,omitempty"`
}

type tokensRecord struct {
	Issued        uint32  `json:"issued,omitempty"`
	Void          uint32  `json:"void,omitempty"`
	ExpiredBefore int64   `json:"expiredBefore,omitempty"`
	ExpiredSerial uint32  `json:"expiredSerial,omitempty"`
	Latest        []int64 `json:"latest,omitempty"`
}

type listRecord struct {
	Added   uint64        `json:"added"`
	Entries []entryRecord `json:"entries,omitempty"`
}

type entryRecord struct {
	Number uint64 `json:"number"`
	ID     string `json:"id"`
}

type deactivationRecord struct {
	Order      uint64   `json:"order"`
	At         int64    `json:"at"`
	Code       string   `json:"code"`
	Operations []string `json:"operations,omitempty"`
}

// newUserRecord copies an account. A ban that has ended is left out.
func newUserRecord(a *account, now time.Time) userRecord {
	state := a.readRare()
	r := userRecord{
		ID: a.id(), CreatedAt: a.createdAt, Name: a.name(), PortraitURI: a.portraitURI(),
		Session: state.session, Blocklist: newListRecord(state.blocklist), Allowlist: newListRecord(state.allowlist),
		AllowlistOn: state.allowlistOn, RefuseCode: state.refusal,
	}
	if h := state.tokens; h != nil {
		r.Tokens = &tokensRecord{h.issued, h.void, h.expiredBefore, h.expiredSerial, h.latest}
	}
	if a.banned(now) {
		r.BannedUntil = state.bannedUntil
	}
	if d := state.deactivation; d != nil {
		r.Deactivation = &deactivationRecord{d.order, d.at, d.code, slices.Clone(d.operations)}
	}
	return r
}

func newListRecord(l *list) *listRecord {
	if l == nil {
		return nil
	}
	r := &listRecord{Added: l.added}
	for _, e := range l.entries {
		r.Entries = append(r.Entries, entryRecord{e.number, e.id})
	}
	return r
}

// size is how many ids the record has besides that of the user.
func (r *userRecord) size() int {
	size := 0
	for _, l := range []*listRecord{r.Blocklist, r.Allowlist} {
		if l != nil {
			size += len(l.Entries)
		}
	}
	if r.Deactivation != nil {
		size += len(r.Deactivation.Operations)
	}
	return size
}

// Export writes the state of the service as JSON, for [Server.Import] of this or another server: the users with their
// creation, bans, lists, page tokens, allowlist switches, presence and deactivations, the results that are still to be
// reported, what [Server.RefuseDeactivation] was told, what decides which tokens are valid, and the clock's offset. It
// doesn't write the options, the app's key and secret, requests, faults and deliveries. Whoever has an
// export can make tokens for a server that imports it.
//
// All of it is the state at one instant near the beginning of the call. Calls go on meanwhile, however slow w is: they
// wait for a page of about a thousand users or ids at most, and never for w. Only the users that change before they are
// written take further memory. The error is that of w.
func (s *Server) Export(w io.Writer) error {
	snap := s.state.takeSnapshot()
	defer s.state.endSnapshot(snap)
	out := bufio.NewWriter(w)
	if err := s.writeExport(out, snap); err != nil {
		return fmt.Errorf("rctest: Export: %w", err)
	}
	return nil
}

func (s *Server) writeExport(out *bufio.Writer, snap *snapshot) error {
	head, err := json.Marshal(exportHeader{exportFormat, exportVersion, snap.advanced.String(), snap.tokenKey, snap.sessions})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s,\"users\":[", head[:len(head)-1]) // Flush returns the first error of all writes
	separator := "\n"
	for page := s.state.readPage(snap); len(page) > 0; page = s.state.readPage(snap) {
		for i := range page {
			line, err := json.Marshal(&page[i])
			if err != nil {
				return err
			}
			_, _ = out.WriteString(separator)
			if _, err := out.Write(line); err != nil {
				return err
			}
			separator = ",\n"
		}
	}
	_, _ = out.WriteString("\n]}\n")
	return out.Flush()
}
