import GatewayCore

await GatewayProcess.main()
