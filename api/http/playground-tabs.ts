/** A saved example in the playground. */
export interface PlaygroundTab {
  query: string;
}

/**
 * The life of a transfer from the first sign-in, one tab a step. Values stand in the text, because GraphiQL shows the
 * variables of such tabs only after a reload. A test validates each against the schema.
 */
export const playgroundTabs: PlaygroundTab[] = [
  {
    query: `# Welcome. Each tab is a step; the next one signs you in, and then all of them work.
query Welcome {
  instance { name version signUpOpen }
  viewer { name email role }
}`,
  },
  {
    query: `# Sets the session cookie: from then on you are signed in in every tab.
mutation SignIn {
  signIn(input: { email: "demo@skyferry.example", password: "" }) {
    user { name email role }
    userErrors { field code message remedy }
  }
}`,
  },
  {
    query: `# Your cloud accounts, and what lies at the top of each.
query Accounts {
  viewer {
    cloudAccounts(first: 10) {
      nodes {
        id name provider identity status
        error { message remedy }
        entries(first: 20) { nodes { path name kind } pageInfo { hasNextPage endCursor } }
      }
    }
  }
}`,
  },
  {
    query: `# Look into a bucket or folder of an account, a page at a time. Ids are in the answer of "Accounts".
query Browse {
  cloudAccount(id: "") {
    entries(path: "bucket/", first: 50, after: null) {
      nodes { path name kind size modifiedAt storageClass }
      pageInfo { hasNextPage endCursor }
    }
  }
}`,
  },
  {
    query: `# Connect an account. The credentials are tried first, then sealed.
mutation Connect {
  connectAccount(input: {
    name: "My store"
    credentials: {
      s3: {
        endpoint: "https://s3.example.com"
        region: "us-east-1"
        addressing: PATH
        accessKeyId: ""
        secretAccessKey: ""
      }
    }
  }) {
    account { id name identity status }
    userErrors { field code message remedy }
  }
}`,
  },
  {
    query: `# Order a transfer. The same idempotencyKey again gives the same transfer.
mutation CreateTransfer {
  createTransfer(input: {
    sourceAccountId: ""
    sourcePaths: ["bucket/folder/"]
    destinationAccountId: ""
    destinationPath: "bucket/"
    priority: NORMAL
    idempotencyKey: "my-first-transfer"
  }) {
    transfer { id name state }
    userErrors { field code message remedy }
  }
}`,
  },
  {
    query: `# Watch one transfer live. Completes by itself when the transfer has ended.
subscription Progress {
  transferProgress(id: "") {
    progress {
      sequence state listingComplete
      objectsListed objectsCompleted objectsFailed
      bytesListed bytesAcknowledged bytesVerified
      speedBytesPerSecond etaMs
    }
  }
}`,
  },
  {
    query: `# Watch all your transfers live, new ones included.
subscription AllTransfers {
  transfers {
    transferId
    transfer { name }
    progress { state objectsCompleted objectsListed bytesVerified speedBytesPerSecond etaMs }
  }
}`,
  },
  {
    query: `# The last transfers, with what failed and the evidence of what arrived.
query Transfers {
  viewer {
    transfers(first: 10) {
      nodes {
        id name state createdAt finishedAt
        source { name } sourcePaths destination { name } destinationPath
        errorGroups { code objects bytes retriableObjects examplePaths message remedy }
        items(first: 20) {
          nodes {
            sourcePath destinationPath size state
            evidence { verified source { kind algorithm value } destination { kind algorithm value } }
          }
        }
      }
    }
  }
}`,
  },
  {
    query: `# Stop a transfer for a while, go on, or end it: the same input for pauseTransfer, resumeTransfer and cancelTransfer.
mutation Pause {
  pauseTransfer(input: { id: "" }) {
    transfer { id state canResume canCancel }
    userErrors { code message remedy }
  }
}`,
  },
  {
    query: `# Try failed objects of a transfer that has ended again: all that another try may mend, or those of a reason or a path.
mutation Retry {
  retryFailedItems(input: { transferId: "", filter: { errorCodes: [PERMISSION_DENIED], paths: ["bucket/folder/**"] } }) {
    transfer { id state retryOf { id } }
    userErrors { code message remedy }
  }
}`,
  },
];
