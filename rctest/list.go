package rctest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

const (
	maxListLength = 3000
	maxListPage   = 1000
)

// list is a set of ids in the order in which they were added.
type list struct {
	entries []entry           // oldest first
	numbers map[string]uint64 // the number of each entry, by id
	added   uint64            // number of entries ever added
}

type entry struct {
	number uint64 // 1 for the first entry ever added
	id     string
}

func (l *list) has(id string) bool { return l.numbers[id] != 0 }

// add returns false, and adds nothing, if the list would become longer than maxListLength. Ids already in it don't move.
func (l *list) add(ids []string) bool {
	missing := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !l.has(id) {
			missing[id] = true
		}
	}
	if len(l.entries)+len(missing) > maxListLength {
		return false
	}
	if l.numbers == nil {
		l.numbers = make(map[string]uint64)
	}
	for _, id := range ids {
		if missing[id] && !l.has(id) {
			l.added++
			l.numbers[id] = l.added
			l.entries = append(l.entries, entry{l.added, id})
		}
	}
	return true
}

func (l *list) remove(ids []string) {
	for _, id := range ids {
		if l.has(id) {
			at := l.countBefore(l.numbers[id])
			l.entries = slices.Delete(l.entries, at, at+1)
			delete(l.numbers, id)
		}
	}
}

// clear empties the list but keeps counting, so that older page tokens don't match new entries.
func (l *list) clear() { *l = list{added: l.added} }

// countBefore returns how many entries have a lower number, whether or not there is an entry with this one.
func (l *list) countBefore(number uint64) int {
	at, _ := slices.BinarySearchFunc(l.entries, number, func(e entry, target uint64) int { return cmp.Compare(e.number, target) })
	return at
}

func (l *list) newestFirst() []string {
	ids, _ := l.page(l.added+1, len(l.entries))
	return ids
}

// page returns up to size ids, newest first, of the entries with a number below before, and the number of the last one,
// or 0 if no older entries are left.
func (l *list) page(before uint64, size int) (ids []string, last uint64) {
	end := l.countBefore(before)
	start := max(0, end-size)
	ids = make([]string, 0, end-start)
	for _, e := range slices.Backward(l.entries[start:end]) {
		ids = append(ids, e.id)
	}
	if start > 0 {
		last = l.entries[start].number
	}
	return ids, last
}

// listResource implements the calls that blocklist and allowlist share.
type listResource struct {
	name  string // distinguishes the page tokens of the two
	field string // the form field with the members' ids
	list  func(*account) *list
}

func (r listResource) add(s *state, p *params) (fields, *refusal) {
	owner, ids := p.userID(), p.ids(r.field)
	if p.refused != nil {
		return nil, p.refused
	}
	if !r.list(s.findOrCreate(owner, p.now)).add(ids) {
		return nil, refuse(codeParameter, "a list holds at most %d ids", maxListLength)
	}
	return nil, nil
}

func (r listResource) remove(s *state, p *params) (fields, *refusal) {
	owner, ids := p.userID(), p.ids(r.field)
	if p.refused != nil {
		return nil, p.refused
	}
	if a := s.find(owner, p.now); a != nil {
		r.list(a).remove(ids)
	}
	return nil, nil
}

func (r listResource) query(s *state, p *params) (fields, *refusal) {
	owner := p.userID()
	token, _ := p.single("pageToken")
	size := p.number("size", 1, maxListPage, maxListPage)
	if p.refused != nil {
		return nil, p.refused
	}
	var members list
	if a := s.find(owner, p.now); a != nil {
		members = *r.list(a)
	}
	before := members.added + 1
	if token != "" {
		if before = r.parsePageToken(owner, token); before == 0 || before > members.added {
			return nil, refuse(codeParameter, "pageToken is unknown")
		}
	}
	ids, last := members.page(before, int(p.pageSize(size)))
	found := fields{"users": pageItems(p, ids)}
	if last != 0 {
		found["next"] = r.pageToken(owner, last)
	}
	return found, nil
}

// pageToken encodes an entry's number. A checksum over the list's name and owner makes it invalid for other lists, and
// base64 gives it characters that a form must escape.
func (r listResource) pageToken(owner string, number uint64) string {
	token := binary.BigEndian.AppendUint64(nil, number)
	sum := crc32.ChecksumIEEE(append(token[:8:8], r.name+"\x00"+owner...))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(token, sum))
}

// parsePageToken is the inverse of pageToken. It returns 0 if the token is invalid.
func (r listResource) parsePageToken(owner, token string) uint64 {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < 8 {
		return 0
	}
	number := binary.BigEndian.Uint64(raw)
	if r.pageToken(owner, number) != token {
		return 0
	}
	return number
}
