package rctest

func blocklistEndpoints() []endpoint {
	l := listResource{name: "blocklist", field: "blackUserId", list: func(r *rare) **list { return &r.blocklist }}
	return []endpoint{
		{path: "/user/blacklist/add.json", handle: l.add, rate: 100},
		{path: "/user/blacklist/remove.json", handle: l.remove, rate: 100},
		{path: "/user/blacklist/query.json", handle: l.query, rate: 100},
	}
}
