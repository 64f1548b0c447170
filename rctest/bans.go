package rctest

import (
	"cmp"
	"math"
	"time"
)

const (
	maxBanMinutes   = 43_200
	unpagedBans     = 1000 // how many bans a query without a page returns
	defaultBansPage = 50
)

func banEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/block.json", handle: (*state).banUsers, rate: 100},
		{path: "/user/unblock.json", handle: (*state).unbanUsers, rate: 100},
		{path: "/user/block/query.json", handle: (*state).queryBans, rate: 100, allowEmpty: true},
	}
}

// ban is the zero value for a user that isn't banned and never was.
type ban struct {
	until time.Time
	id    string
}

// compareBans sorts bans by their end, latest first, and then by id.
func compareBans(a, b ban) int {
	return cmp.Or(b.until.Compare(a.until), cmp.Compare(a.id, b.id))
}

func (a *account) banned(now time.Time) bool { return now.Before(a.ban.until) }

func (s *state) banUsers(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	minutes := p.requiredNumber("minute", 1, maxBanMinutes)
	if p.refused != nil {
		return nil, p.refused
	}
	s.dropEndedBans(p.now)
	until := publicTime(p.now.Add(time.Duration(minutes) * time.Minute))
	for _, id := range ids {
		a := s.findOrCreate(id, p.now)
		s.bans.remove(a.ban)
		a.ban = ban{until, id}
		s.disconnect(a, eventOffline, p.now)
		s.bans.insert(a.ban)
	}
	return nil, nil
}

func (s *state) unbanUsers(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		if a := s.find(id, p.now); a != nil {
			s.bans.remove(a.ban)
			a.ban = ban{}
		}
	}
	return nil, nil
}

func (s *state) queryBans(p *params) (fields, *refusal) {
	page := p.number("page", 0, math.MaxInt32, 0)
	size := p.number("size", 1, math.MaxInt32, defaultBansPage)
	if p.refused != nil {
		return nil, p.refused
	}
	if page == 0 {
		page, size = 1, unpagedBans
	}
	s.dropEndedBans(p.now)
	users := []map[string]string{}
	for _, b := range pageItems(p, s.bans.page(page, p.pageSize(size))) {
		users = append(users, map[string]string{"userId": b.id, "blockEndTime": b.until.Format(time.DateTime)})
	}
	return fields{"users": users}, nil
}

// dropEndedBans removes each ban once, so its cost is that of adding them.
func (s *state) dropEndedBans(now time.Time) {
	for b, ok := s.bans.last(); ok && !now.Before(b.until); b, ok = s.bans.last() {
		s.bans.remove(b)
	}
}
