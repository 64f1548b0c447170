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

// banEntry is a ban in the list of bans.
type banEntry struct {
	until   int64 // Unix milliseconds
	account *account
}

// compareBans sorts bans by their end, latest first, and then by id.
func compareBans(a, b banEntry) int {
	if c := cmp.Compare(b.until, a.until); c != 0 {
		return c
	}
	return cmp.Compare(a.account.id(), b.account.id())
}

func (a *account) banned(now time.Time) bool { return now.UnixMilli() < a.readRare().bannedUntil }

func (s *state) banUsers(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	minutes := p.requiredNumber("minute", 1, maxBanMinutes)
	if p.refused != nil {
		return nil, p.refused
	}
	until := p.now.Add(time.Duration(minutes) * time.Minute).UnixMilli()
	for _, id := range ids {
		if a := s.findOrCreate(id); a.readRare().bannedUntil != until {
			s.update(a, func(a *account) {
				s.disconnect(a, eventOffline, p.now)
				s.setBan(a, until)
			})
		}
	}
	return nil, nil
}

func (s *state) unbanUsers(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		if a := s.find(id); a.readRare().bannedUntil != 0 {
			s.update(a, func(a *account) { s.setBan(a, 0) })
		}
	}
	return nil, nil
}

// setBan replaces the user's ban, if any; 0 is none. The caller is in update.
func (d *store) setBan(a *account, until int64) {
	r := a.rareState()
	if r.bannedUntil != 0 {
		d.bans.remove(banEntry{r.bannedUntil, a})
	}
	r.bannedUntil, r.ban = until, 0
	if until != 0 {
		d.bans.insert(banEntry{until, a})
		d.banCount++
		r.ban = d.banCount
	}
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
	users := []map[string]string{}
	for _, b := range pageItems(p, s.bansPage(page, p.pageSize(size), p.now)) {
		users = append(users, map[string]string{"userId": b.account.id(), "blockEndTime": timeOf(b.until).Format(time.DateTime)})
	}
	return fields{"users": users}, nil
}

// bansPage returns a page of the bans that haven't ended. Pages are numbered from 1.
func (d *store) bansPage(number, size int64, now time.Time) []banEntry {
	skip := min((number-1)*size, math.MaxInt32) // no overflow: both are below 1<<31
	return d.bans.slice(int(skip), int(min(size, int64(d.currentBans(now))-skip)))
}

// currentBans returns how many bans haven't ended. They are the first ones.
func (d *store) currentBans(now time.Time) int {
	return d.bans.countBefore(func(b banEntry) bool { return now.UnixMilli() < b.until })
}

// droppedBans limits how many ended bans one call removes: however many end at the same time, no call takes long.
const droppedBans = 100

// dropEndedBans removes bans that have ended. Each is removed once, so the cost is that of adding them.
func (s *state) dropEndedBans(now time.Time) {
	for range droppedBans {
		b, ok := s.bans.last()
		if !ok || now.UnixMilli() < b.until {
			return
		}
		s.update(b.account, func(a *account) { s.setBan(a, 0) })
	}
}
