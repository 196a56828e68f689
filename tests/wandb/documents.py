"""Documents in the shapes in which the client sends them, written for these tests."""

UPSERT = """
mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String,
    $groupName: String, $displayName: String, $notes: String, $config: JSONString,
    $jobType: String, $state: String, $tags: [String!], $host: String, $commit: String,
    $repo: String, $program: String, $sweep: String, $summaryMetrics: JSONString) {
  upsertBucket(input: {id: $id, name: $name, groupName: $groupName, modelName: $project,
      entityName: $entity, displayName: $displayName, notes: $notes, config: $config,
      jobType: $jobType, state: $state, tags: $tags, host: $host, commit: $commit, jobRepo: $repo,
      jobProgram: $program, sweep: $sweep, summaryMetrics: $summaryMetrics}) {
    bucket {
      id name displayName description config sweepName
      project { id name entity { id name } }
    }
    inserted
  }
}
"""

EDIT = """
mutation UpsertBucket($id: String!, $description: String, $display_name: String, $notes: String,
    $tags: [String!], $config: JSONString!, $groupName: String, $jobType: String) {
  upsertBucket(input: {id: $id, description: $description, displayName: $display_name,
      notes: $notes, tags: $tags, config: $config, groupName: $groupName, jobType: $jobType}) {
    bucket { ...RunFragment }
  }
}
fragment RunFragment on Run {
  id tags name displayName sweepName state config group jobType commit readOnly createdAt
  heartbeatAt description notes user { name username }
}
"""

RESUME = """
query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    id name entity { id name }
    bucket(name: $name, missingOk: true) {
      id name displayName config tags notes wandbConfig(keys: ["t"])
    }
  }
}
"""

RUNS = """
query Runs($project: String!, $entity: String!, $cursor: String, $perPage: Int = 50,
    $order: String, $filters: JSONString) {
  project(name: $project, entityName: $entity) {
    internalId
    runCount(filters: $filters)
    readOnly
    runs(filters: $filters, after: $cursor, first: $perPage, order: $order) {
      edges { node { projectId ...Light } cursor }
      pageInfo { endCursor hasNextPage }
    }
  }
}
fragment Light on Run {
  id tags name displayName sweepName state group jobType commit readOnly createdAt heartbeatAt
  description notes config user { name username }
}
"""

RUN = """
query Run($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    internalId
    run(name: $name) { projectId id name state config stopped }
  }
}
"""

STOP = "mutation StopRun($id: ID!) { stopRun(input: {id: $id}) { success } }"

DELETE = """
mutation DeleteRun($id: ID!, $deleteArtifacts: Boolean) {
  deleteRun(input: {id: $id, deleteArtifacts: $deleteArtifacts}) { clientMutationId }
}
"""

SET_STATE = """
mutation UpdateRunState($input: UpdateRunStateInput!) {
  updateRunState(input: $input) { success }
}
"""

ALERT = """
mutation NotifyScriptableRunAlert($entityName: String!, $projectName: String!, $runName: String!,
    $title: String!, $text: String!, $severity: AlertSeverity = INFO, $waitDuration: Duration) {
  notifyScriptableRunAlert(input: {entityName: $entityName, projectName: $projectName,
      runName: $runName, title: $title, text: $text, severity: $severity,
      waitDuration: $waitDuration}) { success }
}
"""

CREATE_PROJECT = """
mutation CreateProject($input: UpsertModelInput!) {
  result: upsertModel(input: $input) {
    project { ...Made } model { ...Made } inserted
  }
}
fragment Made on Project { id name entityName description access views }
"""

PROJECTS = """
query GetProjects($entity: String, $cursor: String, $perPage: Int = 50) {
  models(entityName: $entity, after: $cursor, first: $perPage) {
    pageInfo { __typename endCursor hasNextPage }
    edges { node { __typename id name entityName createdAt isBenchmark user { ...Who } } }
  }
}
fragment Who on User {
  id name username email admin flags entity deletedAt
  apiKeys { edges { node { id name description } } }
  teams { edges { node { name } } }
}
"""
