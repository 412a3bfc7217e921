-- Health of BitbucketConnection, ProjectBinding and ProjectBindingSet for Argo CD, which reports unknown kinds as Healthy by default.
local health = {}
local status = obj.status or {}
local is = {}
for _, condition in ipairs(status.conditions or {}) do
  is[condition.type] = condition
end

local function holds(type)
  return is[type] ~= nil and is[type].status == "True"
end

if status.observedGeneration ~= obj.metadata.generation then
  health.status = "Progressing"
  health.message = "not reconciled yet"
  return health
end
health.message = is.Ready and is.Ready.message
if obj.spec.suspend or (holds("Stalled") and is.Stalled.reason == "Suspended") then
  health.status = "Suspended"
elseif holds("Stalled") then
  health.status = "Degraded"
elseif holds("Ready") then
  health.status = "Healthy"
elseif holds("Reconciling") then
  health.status = "Progressing"
else
  health.status = "Degraded"
end
return health
