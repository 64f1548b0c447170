package rctest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
)

const (
	maxListLength = 3000
	maxListPage   = 1000
)

// list is a set of ids in the order in which they were added. A nil list is empty, and only to be read.
type list struct {
	entries []entry           // oldest first
	numbers map[string]uint64 // the number of each entry, by id
	added   uint64            // number of entries ever added
}

type entry struct {
	number uint64 // 1 for the first entry ever added
	id     string
}

func (l *list) has(id string) bool { return l != nil && l.numbers[id] != 0 }

func (l *list) count() int {
	if l == nil {
		return 0
	}
	return len(l.entries)
}

// lastNumber returns the number of the entry added last, even if it has been removed.
func (l *list) lastNumber() uint64 {
	if l == nil {
		return 0
	}
	return l.added
}

// missing returns the ids that aren't in the list, each once.
func (l *list) missing(ids []string) []string {
	var missing []string
	for _, id := range ids {
		if !l.has(id) && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	return missing
}

// add adds an id that isn't in the list. It copies the id, which may be part of a large request.
func (l *list) add(id string) { l.insert(entry{l.added + 1, strings.Clone(id)}) }

// insert adds an entry whose number is higher than all before.
func (l *list) insert(e entry) {
	if l.numbers == nil {
		l.numbers = make(map[string]uint64)
	}
	l.added = e.number
	l.numbers[e.id] = e.number
	l.entries = append(l.entries, e)
}

// remove removes an id if it is in the list. An empty list keeps counting, so that older page tokens don't match new
// entries.
func (l *list) remove(id string) {
	if !l.has(id) {
		return
	}
	at := l.countBefore(l.numbers[id])
	l.entries = slices.Delete(l.entries, at, at+1)
	delete(l.numbers, id)
	if len(l.entries) == 0 {
		l.clear()
	}
}

func (l *list) clear() {
	if l != nil {
		*l = list{added: l.added}
	}
}

// countBefore returns how many entries have a lower number, whether or not there is an entry with this one.
func (l *list) countBefore(number uint64) int {
	at, _ := slices.BinarySearchFunc(l.entries, number, func(e entry, target uint64) int { return cmp.Compare(e.number, target) })
	return at
}

func (l *list) newestFirst() []string {
	if l.count() == 0 {
		return nil
	}
	ids, _ := l.page(l.lastNumber()+1, l.count())
	return ids
}

// page returns up to size ids, newest first, of the entries with a number below before, and the number of the last one,
// or 0 if no older entries are left.
func (l *list) page(before uint64, size int) (ids []string, last uint64) {
	if l == nil {
		return []string{}, 0
	}
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
	list  func(*rare) **list
}

func (r listResource) add(s *state, p *params) (fields, *refusal) {
	owner, ids := p.userID(), p.ids(r.field)
	if p.refused != nil {
		return nil, p.refused
	}
	members := r.of(s.find(owner))
	missing := members.missing(ids)
	switch {
	case members.count()+len(missing) > maxListLength:
		return nil, refuse(codeParameter, "a list holds at most %d ids", maxListLength)
	case len(missing) > 0:
		s.update(s.findOrCreate(owner), func(a *account) { r.extend(a, missing) })
	}
	return nil, nil
}

// of returns the account's list. The account may be nil.
func (r listResource) of(a *account) *list {
	state := a.readRare()
	return *r.list(&state)
}

// extend adds ids that are missing. The caller is in update.
func (r listResource) extend(a *account, missing []string) {
	members := r.list(a.rareState())
	if *members == nil {
		*members = new(list)
	}
	for _, id := range missing {
		(*members).add(id)
	}
}

func (r listResource) remove(s *state, p *params) (fields, *refusal) {
	owner, ids := p.userID(), p.ids(r.field)
	if p.refused != nil {
		return nil, p.refused
	}
	a := s.find(owner)
	members := r.of(a)
	if !slices.ContainsFunc(ids, members.has) {
		return nil, nil
	}
	s.update(a, func(*account) {
		for _, id := range ids {
			members.remove(id)
		}
	})
	return nil, nil
}

func (r listResource) query(s *state, p *params) (fields, *refusal) {
	owner := p.userID()
	token, _ := p.single("pageToken")
	size := p.number("size", 1, maxListPage, maxListPage)
	if p.refused != nil {
		return nil, p.refused
	}
	members := r.of(s.find(owner))
	before := members.lastNumber() + 1
	if token != "" {
		if before = r.parsePageToken(owner, token); before == 0 || before > members.lastNumber() {
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
