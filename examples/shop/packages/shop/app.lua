-- The shop: a database, an application server that uses it, and a web tier that balances over the application servers.
application "shop" {
  component "db"  { packages = { "shop-db" },
                    produces = { redis = { port = setting "port" } } },
  component "app" { packages = { "shop-app", "shop-app-config" },
                    consumes = { db = "redis" },
                    produces = { http = { port = setting "port" } } },
  component "web" { packages = { "shop-web-config" },
                    consumes = { backends = "http" } },
}
