-- What the stock workflows are tested on: three levels, the middle one with a migration.
application "shop" {
  component "db"  { packages = { "shop-db" }, produces = { sql = {} } },
  component "app" { packages = { "shop-app" }, consumes = { db = "sql" }, produces = { http = {} },
                    migrate = "shop-migrate" },
  component "web" { packages = { "shop-web" }, consumes = { backends = "http" } },
}
