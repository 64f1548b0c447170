package rctest

func blocklistEndpoints() []endpoint {
	l := listService{name: "blocklist", field: "blackUserId", of: func(a *account) *list { return &a.blocklist }}
	return []endpoint{
		{path: "/user/blacklist/add.json", serve: l.add, rate: 100},
		{path: "/user/blacklist/remove.json", serve: l.remove, rate: 100},
		{path: "/user/blacklist/query.json", serve: l.query, rate: 100},
	}
}
