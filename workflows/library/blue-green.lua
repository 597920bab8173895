-- Blue and green: one half of each component's nodes, by a label, is out of service as a whole while it is updated and
-- judged. Then it takes over as a whole, and the other half stands by on the old release: nobody is served by two
-- releases, and the way back is to let the other half serve again. When the first half has served well, the other one follows.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "One half of each component, by the label color, takes over as a whole while the other stands by; then it follows",
  params  = {
    preflight_deadline = duration "2m",
    label           = text "color",
    first           = text "green",
    second          = text "blue",
    settle          = duration "1m",               -- how long a half must stay well before it serves
    soak            = duration "5m",               -- how long it must serve alone, and well, before the other half follows
    max_unavailable = text "50%",                  -- of each component: the larger half must fit in
    max_failures    = count(0),
    approve         = flag(false),                 -- a person agrees before the second half follows
    measure         = text "",                     -- a packaged command that prints a number, such as an error rate
    pass            = text "<= 0.01",              -- what the half that serves must show
  },
  run = function(ctx, params)
    ctx:preflight { deadline = params.preflight_deadline }
    local analysis
    if params.measure ~= "" then
      analysis = { { name = params.measure, command = params.measure, pass = params.pass,
                     interval = "30s", count = 5, inconclusive = 2 } }
    end
    for _, level in ipairs(ctx.levels) do
      local options = { hold = true, settle = params.settle, soak = params.soak, max_failures = params.max_failures,
                        max_unavailable = params.max_unavailable }
      options.where, options.analysis = params.label .. "=" .. params.first, analysis
      options.standby = params.label .. "=" .. params.second
      ctx:update(level, options)
      if params.approve then
        local answer = ctx:approve(params.first .. " serves " .. ctx.release .. ": shall " .. params.second .. " follow?")
        if not answer.approved then
          error("not approved: " .. answer.reason)
        end
      end
      options.where, options.standby, options.analysis = options.standby, nil, nil
      ctx:update(level, options)
      options.where, options.hold = nil, false
      ctx:update(level, options)                   -- nodes of neither half, a few at a time
    end
  end,
}
