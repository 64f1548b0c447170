package rctest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// list is a set of ids that knows when each was added.
type list struct {
	entries []entry           // oldest first
	added   map[string]uint64 // the same, by id
	count   uint64            // of entries ever added
}

type entry struct {
	added uint64 // 1 for the first that was ever added
	id    string
}

func (l *list) has(id string) bool { return l.added[id] != 0 }

// add reports false, and adds nothing, if the list would be longer than is allowed. Ids that are in it stay in place.
func (l *list) add(ids []string) bool {
	fresh := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !l.has(id) {
			fresh[id] = true
		}
	}
	if len(l.entries)+len(fresh) > maxListLength {
		return false
	}
	if l.added == nil {
		l.added = make(map[string]uint64)
	}
	for _, id := range ids {
		if fresh[id] && !l.has(id) {
			l.count++
			l.added[id] = l.count
			l.entries = append(l.entries, entry{l.count, id})
		}
	}
	return true
}

func (l *list) remove(ids []string) {
	for _, id := range ids {
		if l.has(id) {
			at := l.before(l.added[id])
			l.entries = slices.Delete(l.entries, at, at+1)
			delete(l.added, id)
		}
	}
}

// clear empties the list but goes on counting, so that page tokens from before don't mean anything else afterwards.
func (l *list) clear() { *l = list{count: l.count} }

// before returns how many entries are older than one, whether that is still there or not.
func (l *list) before(added uint64) int {
	at, _ := slices.BinarySearchFunc(l.entries, added, func(e entry, target uint64) int { return cmp.Compare(e.added, target) })
	return at
}

func (l *list) newestFirst() []string {
	ids, _ := l.page(l.count+1, len(l.entries))
	return ids
}

// page returns up to size ids, newest first, that are older than an entry, and the last one's position if there are
// more, else 0.
func (l *list) page(olderThan uint64, size int) (ids []string, last uint64) {
	end := l.before(olderThan)
	start := max(0, end-size)
	ids = make([]string, 0, end-start)
	for _, e := range slices.Backward(l.entries[start:end]) {
		ids = append(ids, e.id)
	}
	if start > 0 {
		last = l.entries[start].added
	}
	return ids, last
}

// listService is what blocklist and allowlist have in common.
type listService struct {
	name  string // tells the page tokens of the two apart
	field string // that holds the members
	of    func(*account) *list
}

func (l listService) add(s *state, p *params) (fields, *refusal) {
	owner, ids := p.userID(), p.ids(l.field)
	if p.refused != nil {
		return nil, p.refused
	}
	if !l.of(s.account(owner, p.now)).add(ids) {
		return nil, refuse(codeParameter, "a list holds at most %d ids", maxListLength)
	}
	return nil, nil
}

func (l listService) remove(s *state, p *params) (fields, *refusal) {
	owner, ids := p.userID(), p.ids(l.field)
	if p.refused != nil {
		return nil, p.refused
	}
	if a := s.find(owner, p.now); a != nil {
		l.of(a).remove(ids)
	}
	return nil, nil
}

func (l listService) query(s *state, p *params) (fields, *refusal) {
	owner := p.userID()
	token, _ := p.single("pageToken")
	size := p.number("size", 1, maxListPage, maxListPage)
	if p.refused != nil {
		return nil, p.refused
	}
	var members list
	if a := s.find(owner, p.now); a != nil {
		members = *l.of(a)
	}
	olderThan := members.count + 1
	if token != "" {
		if olderThan = l.position(owner, token); olderThan == 0 || olderThan > members.count {
			return nil, refuse(codeParameter, "pageToken is unknown")
		}
	}
	ids, last := members.page(olderThan, int(size))
	found := fields{"users": ids}
	if last != 0 {
		found["next"] = l.pageToken(owner, last)
	}
	return found, nil
}

// pageToken encodes the position of an entry. It is sealed to its list, as tokens of different lists shouldn't get
// mixed up, and in the alphabet of base64 that a form must escape.
func (l listService) pageToken(owner string, position uint64) string {
	token := binary.BigEndian.AppendUint64(nil, position)
	sum := crc32.ChecksumIEEE(append(token[:8:8], l.name+"\x00"+owner...))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(token, sum))
}

// position is the inverse of pageToken; it returns 0 if there is none.
func (l listService) position(owner, token string) uint64 {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < 8 {
		return 0
	}
	position := binary.BigEndian.Uint64(raw)
	if l.pageToken(owner, position) != token {
		return 0
	}
	return position
}
