export interface OvfInputs {
	diskName: string;
	diskBytes: number;
	vmdkBytes: number;
	version: string;
	build: number;
}

const CPUS = 1;
const MEMORY_MIB = 512;

/** Resource types of CIM_ResourceAllocationSettingData, which OVF (DSP0243) is based on. */
const RESOURCE = { cpu: 3, memory: 4, scsi: 6, ethernet: 10, disk: 17 };

/** What VMware asks for when the machine is imported, in the words of the system's provisioning. */
const PROPERTIES: readonly {
	category?: string;
	key: string;
	label: string;
	description: string;
	isPassword?: boolean;
}[] = [
	{
		category: "Network",
		key: "addr",
		label: "IPv4 address",
		description: "For example 192.0.2.10/24. Leave empty for DHCP.",
	},
	{
		key: "mask",
		label: "Network mask",
		description:
			"For example 255.255.255.0. Leave empty if the address has a prefix length.",
	},
	{
		key: "gateway",
		label: "Gateway",
		description: "The router, for example 192.0.2.1.",
	},
	{
		key: "dns1",
		label: "First DNS server",
		description: "An IPv4 or IPv6 address.",
	},
	{
		key: "dns2",
		label: "Second DNS server",
		description: "An IPv4 or IPv6 address.",
	},
	{
		key: "addr6",
		label: "IPv6 address",
		description:
			"For example 2001:db8::10/64. Leave empty to get one from the router.",
	},
	{
		key: "gateway6",
		label: "IPv6 gateway",
		description: "Only with an IPv6 address.",
	},
	{
		category: "System",
		key: "hostname",
		label: "Host name",
		description: "With or without its domain, for example pbx.example.com.",
	},
	{
		key: "ntp",
		label: "Time servers",
		description: "Names or addresses, separated by commas.",
	},
	{
		category: "Administrator",
		key: "password",
		label: "Password",
		description:
			"Of the manager, and of the users root and admin; at least 8 characters. Leave empty to keep the documented default passwords.",
		isPassword: true,
	},
	{
		key: "ssh-key",
		label: "SSH key",
		description: "A public key with which the user admin can log in.",
	},
];

function propertiesXml(): string {
	return PROPERTIES.map(
		({ category, key, label, description, isPassword }) => `${
			category === undefined
				? ""
				: `      <Category>${escapeXml(category)}</Category>\n`
		}      <Property ovf:key="${key}" ovf:type="string" ovf:userConfigurable="true" ovf:value=""${isPassword ? ' ovf:password="true"' : ""}>
        <Label>${escapeXml(label)}</Label>
        <Description>${escapeXml(description)}</Description>
      </Property>
`,
	).join("");
}

/**
 * Returns the OVF 1.1 descriptor of the virtual machine. The SCSI controller is LSI Logic, because both
 * VMware and VirtualBox import it (VirtualBox has no pvscsi); virtual hardware 11 runs on all VMware
 * products since 2015.
 */
export function ovfDescriptor(inputs: OvfInputs): string {
	const { diskName, diskBytes, vmdkBytes, version, build } = inputs;
	return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="${escapeXml(diskName)}" ovf:id="file1" ovf:size="${vmdkBytes}"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:capacity="${diskBytes}" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="VM Network">
      <Description>The network through which the App Platform is reached</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="app-platform">
    <Info>A virtual machine</Info>
    <Name>App Platform</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian8_64Guest">
      <Info>The guest operating system</Info>
      <Description>Debian GNU/Linux (64-bit)</Description>
    </OperatingSystemSection>
    <ProductSection>
      <Info>What is installed</Info>
      <Product>App Platform</Product>
      <Version>${escapeXml(version)}</Version>
      <FullVersion>${escapeXml(`${version} build ${build}`)}</FullVersion>
${propertiesXml()}    </ProductSection>
    <VirtualHardwareSection ovf:transport="com.vmware.guestInfo">
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>App Platform</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-11</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:Description>Number of virtual CPUs</rasd:Description>
        <rasd:ElementName>${CPUS} virtual CPU</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>${RESOURCE.cpu}</rasd:ResourceType>
        <rasd:VirtualQuantity>${CPUS}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:Description>Memory size</rasd:Description>
        <rasd:ElementName>${MEMORY_MIB} MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>${RESOURCE.memory}</rasd:ResourceType>
        <rasd:VirtualQuantity>${MEMORY_MIB}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:Description>SCSI controller</rasd:Description>
        <rasd:ElementName>SCSI controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>${RESOURCE.scsi}</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Hard disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>${RESOURCE.disk}</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>VM Network</rasd:Connection>
        <rasd:Description>VmxNet3 network adapter</rasd:Description>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>${RESOURCE.ethernet}</rasd:ResourceType>
      </Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

function escapeXml(text: string): string {
	return text
		.replaceAll("&", "&amp;")
		.replaceAll("<", "&lt;")
		.replaceAll(">", "&gt;")
		.replaceAll('"', "&quot;");
}
