package rctest

func allowlistEndpoints() []endpoint {
	l := listResource{name: "allowlist", field: "whiteUserId", list: func(r *rare) **list { return &r.allowlist }}
	return []endpoint{
		{path: "/user/whitelist/add.json", handle: l.add, rate: 100},
		{path: "/user/whitelist/remove.json", handle: l.remove, rate: 100},
		{path: "/user/whitelist/query.json", handle: l.query, rate: 100},
		{path: "/user/whitesetting/set.json", handle: (*state).setAllowlist, rate: 100},
		{path: "/user/whitesetting/query.json", handle: (*state).queryAllowlist, rate: 100},
	}
}

// allowlistOn reports whether a user is in allowlist mode. The account may be nil.
func (s *state) allowlistOn(a *account) bool {
	return s.settings.allowlistForAll || a.readRare().allowlistOn
}

func (s *state) setAllowlist(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	on := p.requiredNumber("whiteSetting", 0, 1) == 1
	if p.refused != nil {
		return nil, p.refused
	}
	if s.settings.allowlistForAll && !on {
		return nil, refuse(codeParameter, "the allowlist is on for the whole app")
	}
	for _, id := range ids {
		if s.find(id).readRare().allowlistOn != on {
			s.update(s.findOrCreate(id), func(a *account) { a.rareState().allowlistOn = on })
		}
	}
	return nil, nil
}

func (s *state) queryAllowlist(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	if p.refused != nil {
		return nil, p.refused
	}
	users := make([]map[string]string, 0, len(ids))
	for _, id := range ids {
		setting := "0"
		if s.allowlistOn(s.find(id)) {
			setting = "1"
		}
		users = append(users, map[string]string{"userId": id, "whiteSetting": setting})
	}
	return fields{"users": users}, nil
}
