import type { AzureMethod } from './azure-values.ts';
import type { PermissionTexts, Use } from './permissions.ts';

/** Letters of a SAS: read, list; and create, write, delete where bytes arrive. */
const sasPermissions: Record<Use, string> = { source: 'rl', destination: 'rlcwd', both: 'rlcwd' };

/** Azure's own roles with the least for each use. */
const dataRoles: Record<Use, string> = {
  source: 'Storage Blob Data Reader',
  destination: 'Storage Blob Data Contributor',
  both: 'Storage Blob Data Contributor',
};

interface Wanted {
  use: Use;
  /** Names as they are typed so far; empty ones stand as placeholders. */
  accountName: string;
  clientId: string;
  container: string;
}

const orElse = (typed: string, placeholder: string) => (typed === '' ? placeholder : typed);

/** What gives an Azure account of each kind the least that it needs for its use, or shows its secret where it has all. */
export const azureCommands: Record<AzureMethod, (wanted: Wanted) => string> = {
  sas: sasCommand,
  connection: (wanted) =>
    [
      `SAS="$(${sasCommand(wanted)} \\`,
      '  --output tsv)"',
      `echo "BlobEndpoint=https://${orElse(wanted.accountName, 'YOUR-ACCOUNT')}.blob.core.windows.net;SharedAccessSignature=$SAS"`,
    ].join('\n'),
  key: ({ accountName }) =>
    [
      'az storage account keys list \\',
      `  --account-name ${orElse(accountName, 'YOUR-ACCOUNT')} \\`,
      '  --query "[0].value" --output tsv',
    ].join('\n'),
  principal: principalCommand,
};

function sasCommand({ use, accountName }: Wanted): string {
  return [
    'az storage account generate-sas \\',
    `  --account-name ${orElse(accountName, 'YOUR-ACCOUNT')} \\`,
    '  --services b --resource-types sco \\',
    `  --permissions ${sasPermissions[use]} \\`,
    '  --https-only \\',
    '  --expiry "$(date -u -d "+90 days" +%Y-%m-%dT%H:%MZ)"',
  ].join('\n');
}

/** The data role holds for one container. Signing for others is asked of the account, and needed where bytes leave. */
function principalCommand({ use, accountName, clientId, container }: Wanted): string {
  const account = `/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/${orElse(accountName, 'YOUR-ACCOUNT')}`;
  const grant = (role: string, scope: string) =>
    [
      `az role assignment create --assignee ${orElse(clientId, 'CLIENT-ID')} --role "${role}" \\`,
      `  --scope "${scope}"`,
    ].join('\n');
  const data = grant(
    dataRoles[use],
    `${account}/blobServices/default/containers/${orElse(container, 'YOUR-CONTAINER')}`,
  );
  return use === 'destination' ? data : `${data}\n${grant('Storage Blob Delegator', account)}`;
}

export const azureTexts: Record<AzureMethod, PermissionTexts> = {
  sas: {
    label: 'Azure command for a SAS token',
    explanation:
      'A SAS token carries just these permissions and ends by itself. An account key works too, but opens everything in the account.',
  },
  connection: {
    label: 'Azure commands for a connection string',
    explanation:
      'Made of a SAS token, a connection string carries just these permissions and ends by itself. The one that the portal shows among the access keys works too, but opens everything in the account.',
  },
  key: {
    label: 'Azure command for an account key',
    explanation:
      'An account key opens everything in the account, whatever Skyferry is to do. A SAS token or a service principal can be held to what is needed.',
  },
  principal: {
    label: 'Azure commands for roles',
    explanation:
      'Give the service principal these roles, and nothing more. Storage Blob Delegator lets it sign for single files, so that other accounts of Azure copy them directly; without it their bytes go through Skyferry.',
  },
};
